/** Where alerts go besides the inbox: the channels with their state, a test each, and the way to add one. */
import { ActionIcon, Button, Menu, Modal, Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { CircleCheck, CircleX, EllipsisVertical, Pencil, Plus, Send, Trash2 } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import {
  type Channel,
  type ChannelCard,
  channelBookQuery,
  useDropChannel,
  useEditChannel,
  useTestChannel,
} from "@/shared/api/channels";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { BrowserPush } from "./BrowserPush";
import { testWords } from "./channelForm";
import classes from "./SettingsPage.module.css";

// Forms come when they are first wanted.
const ChannelDialog = lazy(() => import("./ChannelDialog"));

export function ChannelsPanel() {
  const query = useQuery(channelBookQuery);
  const [asked, setAsked] = useState<"new" | Channel | null>(null);
  const cards = query.data?.kinds ?? [];
  const channels = (query.data?.items ?? []).filter((channel) => channel.kind !== "in_app");
  return (
    <Panel
      title="Where alerts go"
      source="kept on the server"
      height={160}
      state={query.data ? { kind: "ready" } : stateOf(query)}
      tools={
        <Button
          size="xs"
          variant="default"
          leftSection={<Plus size={15} aria-hidden />}
          onClick={() => setAsked("new")}
        >
          Add a channel
        </Button>
      }
    >
      <p className="dim">
        Every alert stands in the inbox of this app.{" "}
        {channels.length === 0
          ? "Nothing takes it further yet: add mail, a chat or a phone, and it finds you elsewhere too."
          : "These take it further, where a rule names them."}
      </p>
      {channels.length > 0 && (
        <ul className={classes.channels} aria-label="Channels">
          {channels.map((channel) => (
            <ChannelRow
              key={channel.channel_id}
              channel={channel}
              card={cards.find((card) => card.kind === channel.kind)}
              onEdit={() => setAsked(channel)}
            />
          ))}
        </ul>
      )}
      {cards.some((card) => card.kind === "push") && <BrowserPush />}
      <Suspense fallback={null}>
        {asked && (
          <ChannelDialog
            key={asked === "new" ? "new" : asked.channel_id}
            channel={asked === "new" ? null : asked}
            onClose={() => setAsked(null)}
          />
        )}
      </Suspense>
    </Panel>
  );
}

function ChannelRow(props: { channel: Channel; card: ChannelCard | undefined; onEdit: () => void }) {
  const { channel, card, onEdit } = props;
  const advanced = useShows("advanced");
  const test = useTestChannel();
  const edit = useEditChannel();
  const [isDropping, setDropping] = useState(false);
  const said = test.error?.message ?? (test.data && testWords(test.data)) ?? edit.error?.message ?? "";
  const isGood = test.data?.ok === true && !test.error;
  return (
    <li>
      <span className={page.two}>
        <b>{channel.name}</b>
        <small>
          {card?.title ?? channel.kind} · {channel.address_label}
        </small>
        {advanced && card && (
          <small className={classes.long}>
            {card.honours_key ? "a repeat is told once" : "a repeat may be told twice"} ·{" "}
            {card.pace.per_s >= 1
              ? `at most ${card.pace.per_s} a second`
              : `at most one in ${Math.round(1 / card.pace.per_s)} s`}
            , {card.pace.burst} at once
          </small>
        )}
      </span>
      <span className={classes.does}>
        <Switch
          size="xs"
          label={channel.is_enabled ? "On" : "Off"}
          aria-label={`${channel.name} is used`}
          checked={channel.is_enabled}
          disabled={edit.isPending}
          onChange={(event) =>
            edit.mutate({ channel_id: channel.channel_id, is_enabled: event.currentTarget.checked })
          }
        />
        <Button
          variant="default"
          size="xs"
          leftSection={<Send size={14} aria-hidden />}
          aria-label={`Test ${channel.name}`}
          loading={test.isPending}
          onClick={() => test.mutate(channel.channel_id)}
        >
          Test
        </Button>
        <Menu position="bottom-end" withinPortal>
          <Menu.Target>
            <ActionIcon aria-label={`More for ${channel.name}`} size={28}>
              <EllipsisVertical size={16} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {channel.kind !== "push" && (
              <Menu.Item leftSection={<Pencil size={14} aria-hidden />} onClick={onEdit}>
                Change
              </Menu.Item>
            )}
            <Menu.Item leftSection={<Trash2 size={14} aria-hidden />} onClick={() => setDropping(true)}>
              Delete…
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </span>
      <p role="status" className={`${classes.said} ${said ? (isGood ? classes.fine : classes.error) : ""}`}>
        {said && (isGood ? <CircleCheck size={15} aria-hidden /> : <CircleX size={15} aria-hidden />)}
        {said}
      </p>
      {isDropping && <DropDialog channel={channel} onClose={() => setDropping(false)} />}
    </li>
  );
}

function DropDialog({ channel, onClose }: { channel: Channel; onClose: () => void }) {
  const drop = useDropChannel();
  return (
    <Modal opened onClose={onClose} title={`Delete ${channel.name}?`}>
      <div className={classes.dialog}>
        <p>
          Nothing is sent there any more. Rules that name it tell in the app and on their other channels. Its
          address and secrets are forgotten.
        </p>
        {drop.error && (
          <p role="alert" className={classes.error}>
            {drop.error.message}
          </p>
        )}
        <div className={classes.buttons}>
          <Button
            loading={drop.isPending}
            onClick={() => drop.mutate(channel.channel_id, { onSuccess: onClose })}
          >
            Delete the channel
          </Button>
          <Button variant="subtle" data-autofocus onClick={onClose}>
            Keep it
          </Button>
        </div>
      </div>
    </Modal>
  );
}
