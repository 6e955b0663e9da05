// @vitest-environment jsdom
import "@/shared/test-setup";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, expect, it } from "vitest";
import { Plot } from "./Plot";

afterEach(cleanup);

const axis = { title: "Strike", format: (value: number) => value.toFixed(0) };

it("reads its values by arrow keys, and sums itself up before that", () => {
  render(
    <Plot
      label="Open interest"
      summary="Largest at 110."
      x={axis}
      y={axis}
      bars={[{ id: "call", name: "Calls", color: "red", dots: [[100, 5], [110, 9], [120, null]] }]} // biome-ignore format: one line
      lines={[{ id: "fit", name: "Fit", color: "blue", dots: [[100, 1], [120, 3]] }]} // biome-ignore format: one line
      marks={[{ at: 111, name: "Now" }]}
    />,
  );
  const slider = screen.getByRole("slider", { name: /^Open interest/ });
  expect(slider.getAttribute("aria-valuetext")).toBe("Largest at 110.");
  // From the mark one step on.
  fireEvent.keyDown(slider, { key: "ArrowRight" });
  expect(slider.getAttribute("aria-valuetext")).toBe("120, Fit 3");
  fireEvent.keyDown(slider, { key: "ArrowLeft" });
  expect(slider.getAttribute("aria-valuetext")).toBe("110, Calls 9, Fit 2");
  fireEvent.keyDown(slider, { key: "Home" });
  expect(slider.getAttribute("aria-valuetext")).toBe("100, Calls 5, Fit 1");
  fireEvent.keyDown(slider, { key: "Escape" });
  expect(slider.getAttribute("aria-valuetext")).toBe("Largest at 110.");
});
