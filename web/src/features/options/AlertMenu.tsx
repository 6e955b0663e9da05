/** Alerts on what a chain says, as texts of the rule language that the alert's own page opens and tries on the past. */
import { Button, Menu } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { BellPlus } from "lucide-react";
import { useEffect } from "react";
import { NEW_ALERT } from "@/shared/ui/command";

interface Template {
  name: string;
  words: string;
  condition: string;
  at: string;
}

export const TEMPLATES: readonly Template[] = [
  {
    name: "PCR extreme",
    words: "Puts to calls above 1.4 or below 0.6",
    condition: "opt.pcr_oi crosses above 1.4 or opt.pcr_oi crosses below 0.6",
    at: "update chain cooldown 1h",
  },
  {
    name: "OI wall breached",
    words: "The price crosses the strike with most open calls",
    condition: "close crosses above opt.max_call_oi_strike",
    at: "5m close",
  },
  {
    name: "Max pain drift",
    words: "Max pain is 200 from where it was a day ago",
    condition: "abs(opt.max_pain - opt.max_pain[1d]) >= 200",
    at: "update chain fire once per day",
  },
  {
    name: "IV is rich",
    words: "IV rank above 80",
    condition: "opt.iv_rank(252) > 80",
    at: "update chain fire once per day",
  },
];

export const ruleText = (template: Template, underlying: string, symbol: string): string =>
  `alert "${symbol}: ${template.name}" on $${underlying} when ${template.condition} at ${template.at}`;

export function AlertMenu({ underlying, symbol }: { underlying: string; symbol: string }) {
  const navigate = useNavigate();
  useEffect(() => {
    const take = (event: Event) => {
      event.preventDefault();
      void navigate({ to: "/rules/new", search: { on: underlying } });
    };
    window.addEventListener(NEW_ALERT, take);
    return () => window.removeEventListener(NEW_ALERT, take);
  }, [navigate, underlying]);
  return (
    <Menu position="bottom-end" width={300} withinPortal>
      <Menu.Target>
        <Button leftSection={<BellPlus size={16} aria-hidden />} style={{ marginLeft: "auto" }}>
          Create alert
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {TEMPLATES.map((template) => (
          <Menu.Item
            key={template.name}
            onClick={() =>
              void navigate({
                to: "/rules/new",
                search: { text: ruleText(template, underlying, symbol) },
              })
            }
          >
            {template.name}
            <br />
            <span className="dim">{template.words}</span>
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void navigate({ to: "/rules/new", search: { on: underlying } })}>
          Another condition on {symbol}…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
