/** Where it is told: the app always, and any channel of one's own. */
import { Button, Menu } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Check, ChevronDown } from "lucide-react";
import { channelsQuery } from "@/shared/api/channels";
import { channelText } from "./forms";
import classes from "./rules.module.css";

interface Props {
  notify: readonly string[];
  onChange: (notify: string[]) => void;
}

export function ChannelMenu({ notify, onChange }: Props) {
  const channels = (useQuery(channelsQuery).data ?? []).filter(
    (channel) => channel.kind !== "in_app" && channel.is_enabled,
  );
  const items = channels.map((channel) => ({
    value: channelText(channel),
    label: channel.name,
  }));
  // What the rule names and nobody set up here is still shown: it could not be taken out otherwise.
  for (const value of notify)
    if (value !== "in_app" && !items.some((item) => item.value === value))
      items.push({ value, label: value });
  const chosen = items.filter((item) => notify.includes(item.value));
  const words = ["in the app", ...chosen.map((item) => `on ${item.label}`)];
  return (
    <Menu closeOnItemClick={false} withinPortal position="bottom-start">
      <Menu.Target>
        <Button
          variant="default"
          className={classes.blank}
          rightSection={<ChevronDown size={14} aria-hidden />}
          aria-label={`Where to tell: ${words.join(", ")}`}
        >
          {words.length > 2 ? `${words[0]} and ${words.length - 1} channels` : words.join(" and ")}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>In the app, always. Also on:</Menu.Label>
        {items.map((item) => {
          const isOn = notify.includes(item.value);
          return (
            <Menu.Item
              key={item.value}
              role="menuitemcheckbox"
              aria-checked={isOn}
              leftSection={<Check size={14} aria-hidden opacity={isOn ? 1 : 0} />}
              onClick={() =>
                onChange(isOn ? notify.filter((one) => one !== item.value) : [...notify, item.value])
              }
            >
              {item.label} <span className="dim">{item.value.split(":")[0]}</span>
            </Menu.Item>
          );
        })}
        <Menu.Divider />
        <Menu.Item component={Link} to="/settings">
          Add a channel in Settings…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
