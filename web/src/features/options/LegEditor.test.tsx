// @vitest-environment jsdom
import "@/shared/test-setup";
import { MantineProvider } from "@mantine/core";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { LegEditor } from "./LegEditor";
import { readChain } from "./read";
import type { Leg } from "./types";
import type { Options } from "./useOptions";

afterEach(cleanup);

const chain = readChain({
  underlying: "NSE:NIFTY",
  expiry: "2026-08-25",
  atm_strike: 24500,
  strikes: [{ strike: 24450 }, { strike: 24500 }],
});
const leg: Leg = { kind: "call", side: "buy", lots: 1, strike: 24500, expiry: "2026-08-25", price: null };

function show(legs: Leg[]) {
  const setLegs = vi.fn();
  const options = { chain, expiry: chain.expiry, expiries: [], legs, setLegs } as unknown as Options;
  render(
    <MantineProvider>
      <LegEditor options={options} payoff={undefined} />
    </MantineProvider>,
  );
  return setLegs;
}

it("changes the side, strike and kind of a leg, and forgets a price that was another contract's", () => {
  const setLegs = show([{ ...leg, price: 120 }]);
  fireEvent.click(screen.getByRole("button", { name: /^Buy:/ }));
  expect(setLegs).toHaveBeenLastCalledWith([{ ...leg, side: "sell", price: null }]);
  fireEvent.change(screen.getByRole("combobox", { name: "Strike" }), { target: { value: "24450" } });
  expect(setLegs).toHaveBeenLastCalledWith([{ ...leg, strike: 24450, price: null }]);
  fireEvent.change(screen.getByRole("combobox", { name: "Call or put" }), { target: { value: "put" } });
  expect(setLegs).toHaveBeenLastCalledWith([{ ...leg, kind: "put", price: null }]);
  fireEvent.click(screen.getByRole("button", { name: "Take out: Buy 1 × 24,500 call" }));
  expect(setLegs).toHaveBeenLastCalledWith([]);
});

it("gives lots and price away when their field is left, not while they are typed, and not what cannot be", () => {
  const setLegs = show([leg]);
  const lots = screen.getByRole("textbox", { name: "Lots" });
  fireEvent.change(lots, { target: { value: "12" } });
  expect(setLegs).not.toHaveBeenCalled();
  fireEvent.blur(lots);
  expect(setLegs).toHaveBeenLastCalledWith([{ ...leg, lots: 12 }]);
  fireEvent.change(lots, { target: { value: "0" } });
  fireEvent.blur(lots);
  expect(setLegs).toHaveBeenCalledTimes(1);
  expect((lots as HTMLInputElement).value).toBe("1");
  const price = screen.getByRole("textbox", { name: "Price of one" });
  fireEvent.change(price, { target: { value: "118.5" } });
  fireEvent.keyDown(price, { key: "Enter" });
  expect(setLegs).toHaveBeenLastCalledWith([{ ...leg, price: 118.5 }]);
});
