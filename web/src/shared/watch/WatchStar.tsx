/** The star: in a watchlist or not. One list: a click; several: a menu. */
import { ActionIcon, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { Check, Star } from "lucide-react";
import { useNewWatchlist, useSaveWatchlist, watchlistsQuery } from "@/shared/api/queries";
import type { Watchlist } from "@/shared/api/types";

export function WatchStar({ instrument }: { instrument: string }) {
  const { data } = useQuery(watchlistsQuery);
  const lists = data ?? [];
  const save = useSaveWatchlist();
  const make = useNewWatchlist();
  const inside = lists.some((list) => list.instruments.includes(instrument));
  const fail = (error: Error) =>
    notifications.show({ title: "The watchlist was not saved", message: error.message, color: "red" });
  const turn = (list: Watchlist) =>
    save.mutate(
      {
        ...list,
        instruments: list.instruments.includes(instrument)
          ? list.instruments.filter((key) => key !== instrument)
          : [...list.instruments, instrument],
      },
      { onError: fail },
    );
  const icon = (
    <Star
      size={18}
      aria-hidden
      fill={inside ? "var(--mb-accent)" : "none"}
      color={inside ? "var(--mb-accent)" : "currentColor"}
    />
  );
  const [only] = lists;
  if (lists.length <= 1)
    return (
      <ActionIcon
        aria-label={inside ? "Remove from the watchlist" : "Add to the watchlist"}
        aria-pressed={inside}
        loading={save.isPending || make.isPending}
        // before the lists are known a click would make a second first one
        disabled={data === undefined}
        onClick={() =>
          only
            ? turn(only)
            : make.mutate({ name: "My watchlist", instruments: [instrument] }, { onError: fail })
        }
      >
        {icon}
      </ActionIcon>
    );
  return (
    <Menu withinPortal closeOnItemClick={false}>
      <Menu.Target>
        <ActionIcon aria-label="Watchlists of this instrument">{icon}</ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {lists.map((list) => (
          <Menu.Item
            key={list.watchlist_id}
            onClick={() => turn(list)}
            rightSection={
              list.instruments.includes(instrument) ? (
                <Check size={14} aria-label="in this list" />
              ) : undefined
            }
          >
            {list.name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
