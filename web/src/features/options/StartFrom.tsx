/** Positions with a name, by what one expects; the server picks their strikes from the chain. */
import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { buildPreset, presetsQuery } from "./api";
import classes from "./options.module.css";
import type { Options } from "./useOptions";
import { VIEWS } from "./words";

export function StartFrom({ options, label }: { options: Options; label: string }) {
  const { underlying, expiry, asOf, setLegs } = options;
  const [isOpen, setOpen] = useState(false);
  const query = useQuery({ ...presetsQuery, enabled: isOpen });
  const build = async (name: string) => {
    try {
      setLegs(await buildPreset(underlying, name, expiry, asOf));
    } catch (error) {
      notifications.show({
        title: "This chain cannot make it",
        message: error instanceof Error ? error.message : "Try again.",
        color: "ink",
      });
    }
  };
  return (
    <Menu opened={isOpen} onChange={setOpen} width={340} position="bottom-end" withinPortal>
      <Menu.Target>
        <Button size="compact-xs" variant="default">
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown className={classes.presets}>
        {query.isError && <Menu.Item disabled>{query.error.message}</Menu.Item>}
        {query.isPending && <Menu.Item disabled>Loading…</Menu.Item>}
        {VIEWS.map((view) => {
          const own = (query.data ?? []).filter((one) => one.view === view.value);
          return (
            own.length > 0 && (
              <div key={view.value}>
                <Menu.Label>{view.label}</Menu.Label>
                {own.map((one) => (
                  <Menu.Item key={one.name} onClick={() => void build(one.name)}>
                    {one.title}
                    <span className={classes.hint}>
                      {one.text} {one.is_defined_risk ? "" : "The loss has no fixed end."}
                    </span>
                  </Menu.Item>
                ))}
              </div>
            )
          );
        })}
      </Menu.Dropdown>
    </Menu>
  );
}
