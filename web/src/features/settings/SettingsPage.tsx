/** How it looks (kept in this browser) and where alerts go (kept on the server). */
import { Button, Select, Switch } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { sessionQuery, useLogout } from "@/shared/api/queries";
import { useFormats } from "@/shared/format/use";
import { usePrefs } from "@/shared/prefs/prefs";
import { Panel } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { ChangeText } from "@/shared/ui/values";
import { AlertingPanel } from "./AlertingPanel";
import { ChannelsPanel } from "./ChannelsPanel";
import classes from "./SettingsPage.module.css";
import { SilencesPanel } from "./SilencesPanel";

const ZONES = ["Asia/Kolkata", "UTC", "America/New_York", "Europe/London", "Asia/Singapore", "Asia/Tokyo"];

export function SettingsPage() {
  const prefs = usePrefs();
  const formats = useFormats();
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const zones = [
    { value: "exchange", label: "The exchange's" },
    ...[...new Set([own, ...ZONES])]
      .filter(Boolean)
      .map((zone) => ({ value: zone, label: zone === own ? `${zone} (this computer)` : zone })),
  ];
  return (
    <>
      <div className={page.headline}>
        <h1>Settings</h1>
      </div>
      <div className={page.grid}>
        <div className={`${page.stack} ${page.w6}`}>
          <Panel title="Display" source="kept in this browser">
            <Choice label="Mode" hint="Changes how much is shown, never what is true or saved.">
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "beginner", label: "Beginner" },
                    { value: "intermediate", label: "Intermediate" },
                    { value: "advanced", label: "Advanced" },
                  ]}
                  value={prefs.mode}
                  onChange={(value) => value && prefs.set({ mode: value as typeof prefs.mode })}
                />
              )}
            </Choice>
            <Choice label="Theme">
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "system", label: "As the system" },
                    { value: "dark", label: "Dark" },
                    { value: "light", label: "Light" },
                  ]}
                  value={prefs.theme}
                  onChange={(value) => value && prefs.set({ theme: value as typeof prefs.theme })}
                />
              )}
            </Choice>
            <Choice
              label="Colours of direction"
              hint={
                <>
                  <ChangeText value={1.24} /> <ChangeText value={-0.86} /> Blue and orange are told apart by
                  every eye; sign and arrow always stand beside.
                </>
              }
            >
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "blue-orange", label: "Blue up, orange down" },
                    { value: "green-red", label: "Green up, red down" },
                    { value: "red-up", label: "Red up, green down" },
                  ]}
                  value={prefs.palette}
                  onChange={(value) => value && prefs.set({ palette: value as typeof prefs.palette })}
                />
              )}
            </Choice>
            <Choice
              label="Numbers"
              hint={
                <span className="num">
                  {formats.count(123456789)} is {formats.compact(123456789)}
                </span>
              }
            >
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "en-IN", label: "Indian: lakh and crore" },
                    { value: "en-US", label: "International: thousand and million" },
                  ]}
                  value={prefs.numbers}
                  onChange={(value) => value && prefs.set({ numbers: value as typeof prefs.numbers })}
                />
              )}
            </Choice>
            <Choice label="Time zone" hint={<span className="num">Now {formats.full(Date.now())}</span>}>
              {(name) => (
                <Select
                  {...name}
                  data={zones}
                  value={prefs.zone}
                  onChange={(value) => value && prefs.set({ zone: value })}
                />
              )}
            </Choice>
            <Choice label="Density">
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "comfortable", label: "Comfortable" },
                    { value: "normal", label: "Normal" },
                    { value: "compact", label: "Compact" },
                  ]}
                  value={prefs.density}
                  onChange={(value) => value && prefs.set({ density: value as typeof prefs.density })}
                />
              )}
            </Choice>
            <Choice label="Motion" hint="Marks changed prices for half a second.">
              {(name) => (
                <Select
                  {...name}
                  data={[
                    { value: "system", label: "As the system" },
                    { value: "on", label: "On" },
                    { value: "off", label: "Off" },
                  ]}
                  value={prefs.motion}
                  onChange={(value) => value && prefs.set({ motion: value as typeof prefs.motion })}
                />
              )}
            </Choice>
            <div className={classes.switch}>
              <Switch
                label="Single keys"
                description="G then a letter, M, A, / and ?. They rest while you type."
                checked={prefs.singleKeys}
                onChange={(event) => prefs.set({ singleKeys: event.currentTarget.checked })}
              />
            </div>
          </Panel>
        </div>
        <div className={`${page.stack} ${page.w6}`}>
          <ChannelsPanel />
          <AlertingPanel />
          <SilencesPanel />
          <AccountPanel />
        </div>
      </div>
    </>
  );
}

function Choice(props: {
  label: string;
  hint?: ReactNode;
  children: (name: { id: string; "aria-describedby"?: string }) => ReactNode;
}) {
  const id = useId();
  const hint = useId();
  return (
    <div className={classes.choice}>
      <div>
        <label htmlFor={id}>{props.label}</label>
        {props.hint && (
          <p id={hint} className={classes.hint}>
            {props.hint}
          </p>
        )}
      </div>
      {props.children({ id, ...(props.hint && { "aria-describedby": hint }) })}
    </div>
  );
}

function AccountPanel() {
  const session = useQuery(sessionQuery);
  const logout = useLogout();
  return (
    <Panel title="This session" source={session.data ? `Marketbell ${session.data.version}` : null}>
      <div className={classes.account}>
        <p className="dim">
          Signed in by the one-time link. Signing out ends this browser's session; alerts stay armed.
        </p>
        <Button
          variant="default"
          loading={logout.isPending}
          onClick={() => logout.mutate(undefined, { onSuccess: () => window.location.assign("/") })}
        >
          Sign out
        </Button>
      </div>
    </Panel>
  );
}
