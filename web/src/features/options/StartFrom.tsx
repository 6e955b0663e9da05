/** Ready baskets by what one expects; the server picks their strikes from the chain. */
import { Button, Menu } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { strategiesQuery } from "./api";
import type { View } from "./types";
import type { Options } from "./useOptions";
import { VIEWS } from "./words";

export function StartFrom({ options, label }: { options: Options; label: string }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Menu opened={isOpen} onChange={setOpen} width={300} position="bottom-end" withinPortal>
      <Menu.Target>
        <Button size="compact-xs" variant="default">
          {label}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {isOpen &&
          VIEWS.map((view) => (
            <Group key={view.value} options={options} view={view.value} label={view.label} />
          ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function Group({ options, view, label }: { options: Options; view: View; label: string }) {
  const { underlying, expiry, asOf, setLegs } = options;
  const query = useQuery(strategiesQuery(underlying, expiry, view, asOf));
  return (
    <>
      <Menu.Label>{label}</Menu.Label>
      {query.isError && <Menu.Item disabled>{query.error.message}</Menu.Item>}
      {(query.data ?? []).map((one) => (
        <Menu.Item key={one.name} onClick={() => setLegs(one.legs)}>
          {one.title}
        </Menu.Item>
      ))}
    </>
  );
}
