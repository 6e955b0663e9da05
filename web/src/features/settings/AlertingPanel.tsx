/** When messages may come: zone, quiet hours, digests, storms, repeats. */
import { Button, Select, Switch, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "@/shared/api/client";
import { type Preferences, preferencesQuery, usePutPreferences } from "@/shared/api/delivery";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { faultsOf as faultsByField } from "./channelForm";
import { faultsOf, NIGHT, quietWords, REPEATS, WINDOWS, withStored, zonesOf } from "./preferences";
import classes from "./SettingsPage.module.css";

export function AlertingPanel() {
  const query = useQuery(preferencesQuery);
  return (
    <Panel
      title="Quiet hours and digests"
      source="kept on the server"
      height={280}
      state={query.data ? { kind: "ready" } : stateOf(query)}
    >
      {query.data && <Form key={JSON.stringify(query.data)} stored={query.data} />}
    </Panel>
  );
}

function Form({ stored }: { stored: Preferences }) {
  const intermediate = useShows("intermediate");
  const [draft, setDraft] = useState(stored);
  const save = usePutPreferences();
  const shown = useFormats().zone;
  const isQuiet = Boolean(draft.quiet_from || draft.quiet_to);
  const isChanged = JSON.stringify(draft) !== JSON.stringify(stored);
  const wrong = faultsOf(draft);
  const said: Record<string, string> = save.error
    ? faultsByField(save.error instanceof ApiError ? save.error.fields : {}, save.error.message)
    : {};
  const fault = (name: keyof Preferences) => wrong[name] ?? said[name];
  const put = (change: Partial<Preferences>) => setDraft({ ...draft, ...change });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (Object.keys(wrong).length === 0) save.mutate(draft);
  };
  return (
    <form className={classes.dialog} onSubmit={submit} aria-label="Quiet hours and digests">
      <div>
        <Switch
          label="Quiet hours"
          checked={isQuiet}
          onChange={(event) => put(event.currentTarget.checked ? NIGHT : { quiet_from: "", quiet_to: "" })}
        />
        <p className={classes.hint} role="status">
          {quietWords(draft)}
        </p>
      </div>
      {isQuiet && (
        <div className={classes.pair}>
          <TextInput
            type="time"
            label="From"
            value={draft.quiet_from}
            error={fault("quiet_from")}
            onChange={(event) => put({ quiet_from: event.currentTarget.value.slice(0, 5) })}
          />
          <TextInput
            type="time"
            label="To"
            value={draft.quiet_to}
            error={fault("quiet_to")}
            onChange={(event) => put({ quiet_to: event.currentTarget.value.slice(0, 5) })}
          />
        </div>
      )}
      {isQuiet && (
        <Switch
          label="High severity comes through"
          checked={draft.quiet_except_high}
          onChange={(event) => put({ quiet_except_high: event.currentTarget.checked })}
        />
      )}
      <div className={classes.pair}>
        <Select
          label="Time zone of these hours"
          searchable
          data={zonesOf(shown, draft.zone)}
          limit={60}
          value={draft.zone}
          error={fault("zone")}
          onChange={(zone) => zone && put({ zone })}
        />
        <TextInput
          type="time"
          label="Daily digest at"
          value={draft.digest_at}
          error={fault("digest_at")}
          onChange={(event) => put({ digest_at: event.currentTarget.value.slice(0, 5) })}
        />
      </div>
      {draft.zone !== shown && (
        <p className={classes.hint}>
          The pages show times of {shown}.{" "}
          <Button variant="default" size="compact-xs" onClick={() => put({ zone: shown })}>
            Use it here too
          </Button>
        </p>
      )}
      {intermediate && (
        <div className={classes.pair}>
          <Select
            label="Gather a storm of one rule"
            data={withStored(WINDOWS, stored.group_window_s)}
            value={String(draft.group_window_s)}
            error={fault("group_window_s")}
            onChange={(value) => put({ group_window_s: Number(value) })}
          />
          <Select
            label="The same rule on the same symbol"
            data={withStored(REPEATS, stored.repeat_s)}
            value={String(draft.repeat_s)}
            error={fault("repeat_s")}
            onChange={(value) => put({ repeat_s: Number(value) })}
          />
        </div>
      )}
      {said[""] && (
        <p role="alert" className={classes.error}>
          {said[""]}
        </p>
      )}
      <div className={classes.buttons}>
        <Button
          type="submit"
          variant="default"
          loading={save.isPending}
          disabled={!isChanged || Object.keys(wrong).length > 0}
        >
          Save
        </Button>
        {isChanged && (
          <Button variant="subtle" onClick={() => setDraft(stored)}>
            As it was
          </Button>
        )}
        {!isChanged && save.isSuccess && (
          <span role="status" className={classes.fine}>
            Saved.
          </span>
        )}
      </div>
    </form>
  );
}
