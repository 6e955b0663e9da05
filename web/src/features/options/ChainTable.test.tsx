// @vitest-environment jsdom
import "@/shared/test-setup";
import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { ChainTable } from "./ChainTable";
import { COLUMNS, DEFAULTS } from "./chainColumns";
import { readChain } from "./read";
import type { Leg } from "./types";

afterEach(cleanup);

const quote = (price: number | null, more = {}) => ({
  price,
  bid: price === null ? null : price - 1,
  ask: price === null ? null : price + 1,
  oi: 1200,
  is_liquid: true,
  status: price === null ? "no_price" : "ok",
  ...more,
});
const chain = readChain({
  underlying: "NSE:NIFTY",
  symbol: "NIFTY",
  expiry: "2026-08-25",
  spot: 24512,
  atm_strike: 24500,
  metrics: { max_pain: 24550 },
  strikes: [
    { strike: 24450, call: quote(140, { iv: 11 }), put: quote(60) },
    { strike: 24500, call: quote(100), put: quote(95, { quote_age_s: 900 }) },
    { strike: 24550, call: quote(null), put: quote(130) },
  ],
});

function show(legs: Leg[], hasQuotes = false) {
  const onPress = vi.fn();
  render(
    <MantineProvider>
      <ChainTable
        chain={chain}
        rows={chain.strikes}
        columns={COLUMNS.filter((column) => DEFAULTS.intermediate.includes(column.id))}
        hasQuotes={hasQuotes}
        legs={legs}
        onPress={onPress}
        height={400}
      />
    </MantineProvider>,
  );
  return onPress;
}

it("stands around the price: strikes rise, the money and the walls are named, the price lies between", () => {
  show([]);
  const rows = screen.getAllByRole("row").slice(2);
  expect(rows.map((row) => row.textContent?.includes("NIFTY 24,512.00"))).toEqual([
    false,
    false,
    true,
    false,
  ]);
  expect(screen.getByRole("rowheader", { name: /24,500.*ATM/ })).toBeTruthy();
  expect(screen.getByRole("rowheader", { name: /24,550.*Max pain/ })).toBeTruthy();
});

it("marks what has no fresh quote instead of hiding it, and says why there is no volatility", () => {
  show([]);
  expect(screen.getByRole("button", { name: /^24,500 put 95.00, old quote/ })).toBeTruthy();
  expect(screen.getByRole("button", { name: /^24,550 call —, no price/ })).toBeTruthy();
  expect(screen.getAllByTitle("no price: nothing was traded or quoted")).toHaveLength(1);
});

it("gives a press on price, bid and ask, and shows the leg that is held", () => {
  const leg: Leg = { kind: "put", side: "sell", lots: 2, strike: 24450, expiry: null, price: null };
  const onPress = show([leg], true);
  fireEvent.click(screen.getByRole("button", { name: /^24,500 call 100.00: not in the basket/ }));
  expect(onPress).toHaveBeenLastCalledWith({ kind: "call", strike: 24500, side: null, price: 100 });
  fireEvent.click(screen.getByRole("button", { name: "Sell one lot of the 24,500 call at 99.00" }));
  expect(onPress).toHaveBeenLastCalledWith({ kind: "call", strike: 24500, side: "sell", price: 99 });
  expect(screen.getByRole("button", { name: /^24,450 put 60.00: sold, 2 lots/ })).toBeTruthy();
});

it("is walked by arrow keys over rows and prices", async () => {
  show([]);
  const row = screen.getByRole("rowheader", { name: /24,500/ }).closest("tr") as HTMLElement;
  expect(row.tabIndex).toBe(0);
  row.focus();
  fireEvent.keyDown(row, { key: "ArrowRight" });
  expect(document.activeElement?.getAttribute("aria-label")).toMatch(/^24,500 put/);
  fireEvent.keyDown(document.activeElement as Element, { key: "ArrowLeft" });
  expect(document.activeElement?.getAttribute("aria-label")).toMatch(/^24,500 call/);
  fireEvent.keyDown(document.activeElement as Element, { key: "ArrowUp" });
  await vi.waitFor(() => expect(document.activeElement?.getAttribute("aria-label")).toMatch(/^24,450 call/));
});
