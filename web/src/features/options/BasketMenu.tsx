/** Baskets of legs: kept by name in this browser, opened again, shared as an address, saved as CSV. */
import { ActionIcon, Button, Popover, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { ShoppingBasket, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useFormats } from "@/shared/format/use";
import { saveCsv } from "@/shared/ui/save";
import { legWords, readLegs, writeLegs } from "./legs";
import classes from "./options.module.css";
import { useKept } from "./store";
import type { Payoff } from "./types";
import type { Options } from "./useOptions";

export function BasketMenu({ options, payoff }: { options: Options; payoff: Payoff | undefined }) {
  const { underlying, legs, setLegs, expiry, symbol } = options;
  const { baskets, keep, drop } = useKept();
  const [isOpen, setOpen] = useState(false);
  const formats = useFormats();
  const mine = baskets.filter((one) => one.underlying === underlying);
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const name = new FormData(event.currentTarget).get("name")?.toString().trim();
    const text = writeLegs(legs.map((leg) => ({ ...leg, expiry: leg.expiry ?? expiry })));
    if (!name || !text) return;
    keep({ name, underlying, legs: text });
    setOpen(false);
    notifications.show({ message: `Kept as “${name}” in this browser.`, color: "ink" });
  };
  const share = () => {
    void navigator.clipboard?.writeText(location.href);
    notifications.show({ message: "The address of this basket is copied.", color: "ink" });
  };
  const csv = () =>
    saveCsv(
      `basket-${symbol}`,
      ["side", "lots", "kind", "strike", "expiry", "price", "iv", "delta", "gamma", "theta", "vega"],
      legs.map((leg, index) => {
        const priced = payoff?.legs[index];
        return [
          leg.side,
          leg.lots,
          leg.kind,
          leg.strike,
          leg.expiry ?? expiry,
          priced?.price ?? leg.price,
          priced?.iv,
          priced?.delta,
          priced?.gamma,
          priced?.theta,
          priced?.vega,
        ];
      }),
    );
  return (
    <Popover
      opened={isOpen}
      onChange={setOpen}
      trapFocus
      returnFocus
      width={320}
      position="bottom-end"
      withinPortal
    >
      <Popover.Target>
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<ShoppingBasket size={14} aria-hidden />}
          onClick={() => setOpen(!isOpen)}
        >
          Basket
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Basket">
        <div className={classes.basket}>
          <form onSubmit={save} className={classes.keep}>
            <TextInput
              size="xs"
              name="name"
              maxLength={40}
              aria-label="Name of the basket"
              placeholder="Keep it as…"
            />
            <Button type="submit" size="xs" variant="default" disabled={legs.length === 0}>
              Keep
            </Button>
          </form>
          <div className={classes.row}>
            <Button size="compact-xs" variant="subtle" onClick={share}>
              Copy its address
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={csv} disabled={legs.length === 0}>
              Save as CSV
            </Button>
          </div>
          {mine.length > 0 && (
            <ul aria-label="Kept in this browser">
              {mine.map((one) => (
                <li key={one.name}>
                  <button
                    type="button"
                    className={classes.textButton}
                    onClick={() => {
                      setLegs(readLegs(one.legs));
                      setOpen(false);
                    }}
                  >
                    {one.name}
                  </button>
                  <small className="dim">
                    {readLegs(one.legs)
                      .map((leg) => legWords(leg, formats.count))
                      .join(", ")}
                  </small>
                  <ActionIcon size={28} aria-label={`Forget ${one.name}`} onClick={() => drop(one)}>
                    <Trash2 size={14} aria-hidden />
                  </ActionIcon>
                </li>
              ))}
            </ul>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
