/** The legs as rows that can be changed: side, lots, strike, expiry, price. */
import { ActionIcon, NativeSelect } from "@mantine/core";
import { X } from "lucide-react";
import { useFormats } from "@/shared/format/use";
import { useShows } from "@/shared/prefs/prefs";
import { legWords, MOST_LOTS } from "./legs";
import { NumberField } from "./NumberField";
import classes from "./options.module.css";
import type { Kind, Leg, Payoff, PricedLeg } from "./types";
import type { Options } from "./useOptions";

const KIND_WORDS: Record<Kind, string> = { call: "Call", put: "Put", future: "Future", stock: "Underlying" };

export function LegEditor({ options, payoff }: { options: Options; payoff: Payoff | undefined }) {
  const { legs, setLegs } = options;
  if (legs.length === 0) return null;
  const change = (index: number, next: Partial<Leg> | null) =>
    setLegs(
      next === null
        ? legs.filter((_, at) => at !== index)
        : legs.map((leg, at) => (at === index ? { ...leg, ...next } : leg)),
    );
  return (
    <ul className={classes.legs} aria-label="Legs of the basket">
      {legs.map((leg, index) => (
        <LegRow
          key={index}
          leg={leg}
          // The answer belongs to the legs it was asked for: one that was just changed waits for its own.
          priced={payoff?.legs.length === legs.length ? payoff.legs[index] : undefined}
          options={options}
          onChange={(next) => change(index, next)}
        />
      ))}
    </ul>
  );
}

interface RowProps {
  leg: Leg;
  priced: PricedLeg | undefined;
  options: Options;
  onChange: (next: Partial<Leg> | null) => void;
}

function LegRow({ leg, priced, options, onChange }: RowProps) {
  const { expiries, expiry, chain } = options;
  const formats = useFormats();
  const advanced = useShows("advanced");
  const name = legWords(leg, formats.count);
  const isOption = leg.kind === "call" || leg.kind === "put";
  const strikes = chain?.strikes ?? [];
  const isListed = strikes.some((row) => row.strike === leg.strike);
  return (
    <li className={classes.leg} aria-label={name}>
      <button
        type="button"
        className={classes.sideButton}
        data-side={leg.side}
        aria-label={`${leg.side === "buy" ? "Buy" : "Sell"}: press to ${leg.side === "buy" ? "sell" : "buy"} instead`}
        onClick={() => onChange({ side: leg.side === "buy" ? "sell" : "buy", price: null })}
      >
        {leg.side === "buy" ? "Buy" : "Sell"}
      </button>
      <NumberField
        label="Lots"
        min={1}
        max={MOST_LOTS}
        decimals={0}
        value={leg.lots}
        onGive={(lots) => onChange({ lots: lots ?? 1 })}
      />
      {isOption ? (
        <NativeSelect
          size="xs"
          aria-label="Strike"
          value={String(leg.strike)}
          onChange={(event) => onChange({ strike: Number(event.currentTarget.value), price: null })}
          data={[
            ...(isListed || leg.strike === null
              ? []
              : [{ value: String(leg.strike), label: formats.number(leg.strike, 2) }]),
            ...strikes.map((row) => ({ value: String(row.strike), label: formats.number(row.strike, 2) })),
          ]}
        />
      ) : (
        <span />
      )}
      <NativeSelect
        size="xs"
        aria-label="Call or put"
        value={leg.kind}
        onChange={(event) => {
          const kind = event.currentTarget.value as Kind;
          const needsStrike = kind === "call" || kind === "put";
          onChange({
            kind,
            price: null,
            strike: needsStrike ? (leg.strike ?? chain?.atm_strike ?? null) : null,
          });
        }}
        data={(advanced ? (["call", "put", "future", "stock"] as const) : (["call", "put"] as const)).map(
          (kind) => ({
            value: kind,
            label: KIND_WORDS[kind],
          }),
        )}
      />
      {expiries.length > 1 && leg.kind !== "stock" && (
        <NativeSelect
          size="xs"
          aria-label="Expiry"
          value={leg.expiry ?? expiry}
          onChange={(event) => onChange({ expiry: event.currentTarget.value, price: null })}
          data={expiries.map((one) => ({
            value: one.expiry,
            label: formats.dayShort(`${one.expiry}T06:30:00Z`),
          }))}
        />
      )}
      <NumberField
        label="Price of one"
        min={0}
        decimals={2}
        placeholder={priced?.price == null ? "price" : formats.price(priced.price)}
        value={leg.price}
        onGive={(price) => onChange({ price })}
      />
      {advanced && priced && isOption && (
        <span className={classes.legGreeks}>
          IV {formats.number(priced.iv, 1, 1)} · Δ {formats.number(priced.delta, 2, 2)} · Θ{" "}
          {formats.number(priced.theta, 2, 2)} · ν {formats.number(priced.vega, 2, 2)}
        </span>
      )}
      <ActionIcon size={28} aria-label={`Take out: ${name}`} onClick={() => onChange(null)}>
        <X size={14} aria-hidden />
      </ActionIcon>
    </li>
  );
}
