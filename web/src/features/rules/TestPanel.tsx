/** Tries the rule now: how it stands for one instrument, and whether its messages arrive. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { channelsQuery, useTestChannel } from "@/shared/api/channels";
import { whyQuery } from "@/shared/api/rules";
import { useFormats } from "@/shared/format/use";
import { InstrumentPicker, type PickerOption } from "@/shared/ui/InstrumentPicker";
import { Panel } from "@/shared/ui/Panel";
import { WhyNow } from "@/shared/ui/WhyNow";
import { channelText } from "./forms";
import classes from "./rules.module.css";

interface Props {
  /** The stored rule; null for one that was never armed. */
  uid: string | null;
  instrument: string | undefined;
  notify: readonly string[];
}

export function TestPanel({ uid, instrument, notify }: Props) {
  const [chosen, setChosen] = useState<PickerOption | null>(
    instrument ? { value: instrument, label: instrument.split(":")[1] ?? instrument } : null,
  );
  const why = useQuery({
    ...whyQuery(uid ?? "", chosen?.value ?? ""),
    enabled: uid !== null && chosen !== null,
  });
  return (
    <Panel title="Try it now" {...(uid && chosen && { onRefresh: () => void why.refetch() })}>
      <div className={classes.test}>
        {uid === null ? (
          <p className="dim">How it stands for an instrument is known once it is armed.</p>
        ) : (
          <>
            <InstrumentPicker
              label="For which instrument"
              isLabelShown
              size="xs"
              chosen={chosen}
              onChoose={setChosen}
            />
            {chosen && <WhyNow query={why} />}
          </>
        )}
        <ChannelTests notify={notify} />
      </div>
    </Panel>
  );
}

/** A test event to each of the rule's own channels. */
function ChannelTests({ notify }: { notify: readonly string[] }) {
  const channels = useQuery(channelsQuery).data ?? [];
  const test = useTestChannel();
  const formats = useFormats();
  const [said, setSaid] = useState<Record<string, string>>({});
  const mine = channels.filter((channel) =>
    notify.some((word) => word === channel.kind || word === channelText(channel)),
  );
  if (mine.length === 0) return <p className="dim">It is told in the app alone: no message to test.</p>;
  return (
    <ul className={classes.channels} aria-label="Test messages">
      {mine.map((channel) => (
        <li key={channel.channel_id}>
          <Button
            variant="default"
            size="compact-sm"
            loading={test.isPending && test.variables === channel.channel_id}
            onClick={() =>
              test.mutate(channel.channel_id, {
                onSuccess: (answer) =>
                  setSaid((old) => ({
                    ...old,
                    [channel.channel_id]: answer.ok ? `sent, ${formats.clock(Date.now())}` : answer.error,
                  })),
                onError: (error) => setSaid((old) => ({ ...old, [channel.channel_id]: error.message })),
              })
            }
          >
            Send a test event to {channel.name}
          </Button>
          <span className="dim" role="status">
            {said[channel.channel_id] ?? ""}
          </span>
        </li>
      ))}
    </ul>
  );
}
