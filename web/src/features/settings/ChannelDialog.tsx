/** Adds or changes a channel; the fields come from the card of its kind. */
import { Button, Checkbox, Modal, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { type Channel, channelBookQuery, useAddChannel, useEditChannel } from "@/shared/api/channels";
import { ApiError } from "@/shared/api/client";
import { useShows } from "@/shared/prefs/prefs";
import {
  bodyOf,
  type ChannelDraft,
  draftOf,
  editOf,
  type Filled,
  type FormField,
  faultsOf,
  fieldsOf,
  formKinds,
  missing,
  newDraft,
} from "./channelForm";
import classes from "./SettingsPage.module.css";

interface Props {
  /** The one that is changed; null for a new one. */
  channel: Channel | null;
  onClose: () => void;
}

export default function ChannelDialog(props: Props) {
  const { channel, onClose } = props;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={channel ? `Change ${channel.name}` : "Add a channel"}
      returnFocus
    >
      <ChannelForm {...props} />
    </Modal>
  );
}

function ChannelForm({ channel, onClose }: Props) {
  const cards = useQuery(channelBookQuery).data?.kinds ?? [];
  const kinds = formKinds(cards);
  const first = channel ? cards.find((one) => one.kind === channel.kind) : kinds[0];
  const [draft, setDraft] = useState<ChannelDraft | null>(() =>
    first ? (channel ? draftOf(first, channel) : newDraft(first)) : null,
  );
  const [isTried, setTried] = useState(false);
  const add = useAddChannel();
  const edit = useEditChannel();
  const card = cards.find((one) => one.kind === draft?.kind);
  if (!draft || !card) return <p className="dim">This kind of channel is not known here any more.</p>;

  const fields = fieldsOf(card, draft, channel);
  const lacking = missing(fields, draft);
  const error = channel ? edit.error : add.error;
  const faults = error
    ? faultsOf(error instanceof ApiError ? error.fields : {}, error.message)
    : ({} as Record<string, string>);
  const way = card.ways.find((one) => one.name === draft.way);
  const shownAt = new Set(["name", ...fields.map((one) => one.name)]);
  const others = Object.entries(faults).filter(([name]) => !shownAt.has(name));
  const put = (change: Partial<ChannelDraft>) => setDraft({ ...draft, ...change });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (lacking.length > 0) return;
    if (channel)
      edit.mutate(
        { channel_id: channel.channel_id, ...editOf(fields, draft, channel) },
        { onSuccess: onClose },
      );
    else add.mutate(bodyOf(card, fields, draft), { onSuccess: onClose });
  };
  return (
    <form className={classes.dialog} onSubmit={submit} aria-label="Channel" noValidate>
      {!channel && (
        <Select
          label="Kind"
          data={kinds.map((one) => ({ value: one.kind, label: one.title }))}
          value={draft.kind}
          comboboxProps={{ withinPortal: true }}
          onChange={(kind) => {
            const next = kinds.find((one) => one.kind === kind);
            if (next) {
              setDraft({ ...newDraft(next), name: draft.name });
              setTried(false);
              add.reset();
            }
          }}
        />
      )}
      {card.help && <p className={classes.hint}>{card.help}</p>}
      {card.ways.length > 1 && (
        <Select
          label="How"
          description={way?.help || undefined}
          data={card.ways.map((one) => ({ value: one.name, label: one.title }))}
          value={draft.way}
          comboboxProps={{ withinPortal: true }}
          onChange={(next) => next && put({ way: next })}
        />
      )}
      <TextInput
        label="Name"
        description="Rules call it by this name."
        placeholder={card.title}
        maxLength={80}
        value={draft.name}
        error={faults.name}
        onChange={(event) => put({ name: event.currentTarget.value })}
      />
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          value={draft.values[field.name]}
          error={
            faults[field.name] ?? (isTried && lacking.includes(field.label) ? "This is needed." : undefined)
          }
          onChange={(value) => put({ values: { ...draft.values, [field.name]: value } })}
          onDrop={
            field.isKept && !field.required
              ? () => put({ dropped: [...draft.dropped, field.name] })
              : undefined
          }
        />
      ))}
      {others.map(([name, text]) => (
        <p key={name} role="alert" className={classes.error}>
          {text}
        </p>
      ))}
      <div className={classes.buttons}>
        <Button type="submit" loading={add.isPending || edit.isPending}>
          {channel ? "Save the channel" : "Add the channel"}
        </Button>
        <Button variant="subtle" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

function Field(props: {
  field: FormField;
  value: Filled | undefined;
  error: string | undefined;
  onChange: (value: Filled) => void;
  onDrop: (() => void) | undefined;
}) {
  const { field, value, error, onChange, onDrop } = props;
  const advanced = useShows("advanced");
  if (field.type === "bool")
    return (
      <Checkbox
        label={field.label}
        description={field.help || undefined}
        checked={value === true}
        error={error}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    );
  if (field.words.length > 0)
    return (
      <Select
        label={field.label}
        description={field.help || undefined}
        data={[{ value: "", label: "as usual" }, ...field.words]}
        value={typeof value === "string" ? value : ""}
        error={error}
        comboboxProps={{ withinPortal: true }}
        onChange={(next) => onChange(next ?? "")}
      />
    );
  const isStored = typeof value === "object";
  const text = isStored ? value.secret : typeof value === "string" ? value : "";
  const mayRefer = advanced && (field.type === "secret" || field.type === "url");
  return (
    <div>
      <TextInput
        label={isStored ? `${field.label}: name of the stored secret` : field.label}
        description={describe(field, isStored)}
        required={field.required && !field.isKept}
        // A password field hides what is typed from who looks over the shoulder; a stored one's name is no secret.
        type={field.type === "secret" && !isStored ? "password" : "text"}
        inputMode={
          field.type === "number"
            ? "numeric"
            : field.type === "email"
              ? "email"
              : field.type === "url"
                ? "url"
                : "text"
        }
        autoComplete={field.type === "secret" ? "new-password" : "off"}
        spellCheck={false}
        placeholder={
          isStored
            ? "desk/slack"
            : field.isKept
              ? "kept; type to replace it"
              : isExample(field.help)
                ? field.help
                : ""
        }
        value={text}
        error={error}
        onChange={(event) =>
          onChange(isStored ? { secret: event.currentTarget.value } : event.currentTarget.value)
        }
      />
      {(onDrop || mayRefer) && (
        <div className={classes.under}>
          {mayRefer && (
            <Checkbox
              size="xs"
              label="Look it up where secrets are kept"
              checked={isStored}
              onChange={(event) => onChange(event.currentTarget.checked ? { secret: "" } : "")}
            />
          )}
          {onDrop && (
            <Button variant="subtle" size="compact-xs" onClick={onDrop}>
              Take out the stored one
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** `smtp.example.com` shows how it looks; anything longer explains. */
const isExample = (help: string) => help !== "" && !help.includes(" ");

function describe(field: FormField, isStored: boolean): string | undefined {
  if (isStored)
    return "A file, a variable of the environment or a vault holds it; it is read when a message is sent.";
  const help = field.help && !isExample(field.help) ? sentence(field.help) : "";
  const hidden = field.isHidden && !field.isKept ? "Stored, never shown again." : "";
  return [help, hidden].filter(Boolean).join(" ") || undefined;
}

const sentence = (text: string) => (/[.!?…:]$/.test(text) ? text : `${text}.`);
