/** Until when: a preset, or a moment of the reader's own clock. */
import { Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useFormats } from "@/shared/format/use";
import { instantOf, longOf, PRESETS, type Preset, untilOf, wallText } from "./times";

const HOUR = 3_600_000;

/** The chosen moment; the words that it lacks, where it is none. */
export type Until = { until: string } | { fault: string };

export function useUntil(first: Preset | "at", presets: readonly Preset[]) {
  const formats = useFormats();
  const [preset, setPreset] = useState<Preset | "at">(first);
  const [text, setText] = useState(() => wallText(Date.now() + HOUR, formats.zone));
  /** Read when it is needed: "an hour" counts from then. */
  const read = (): Until => {
    const now = Date.now();
    if (preset !== "at") return { until: untilOf(longOf(preset, now, formats.zone), now) };
    const at = instantOf(text, formats.zone);
    if (at === null) return { fault: "Choose a day and a time." };
    return at > now ? { until: new Date(at).toISOString() } : { fault: "That time is past." };
  };
  const fields = (fault: string) => (
    <>
      <Select
        label="How long"
        data={[
          ...presets.map((one) => ({ value: one, label: PRESETS[one] })),
          { value: "at", label: "until a day and time" },
        ]}
        value={preset}
        comboboxProps={{ withinPortal: true }}
        onChange={(value) => value && setPreset(value as Preset | "at")}
      />
      {preset === "at" && (
        <TextInput
          label={`Until (${formats.zoneWord})`}
          type="datetime-local"
          value={text}
          error={fault || undefined}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      )}
    </>
  );
  return { read, fields };
}
