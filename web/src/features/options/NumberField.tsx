/** A number that is given away when the field is left, or by Enter: half a number is nobody's. */
import { NumberInput } from "@mantine/core";
import { useEffect, useState } from "react";

interface Props {
  label: string;
  value: number | null;
  /** What stands there while nothing is written. */
  placeholder?: string;
  min: number;
  max?: number;
  decimals: number;
  onGive: (value: number | null) => void;
}

export function NumberField({ label, value, placeholder, min, max, decimals, onGive }: Props) {
  const [draft, setDraft] = useState<string | number>(value ?? "");
  useEffect(() => setDraft(value ?? ""), [value]);
  const give = () => {
    const number = draft === "" ? null : Number(draft);
    const fits =
      number === null || (Number.isFinite(number) && number >= min && (max === undefined || number <= max));
    if (!fits) setDraft(value ?? "");
    else if (number !== value) onGive(number);
  };
  return (
    <NumberInput
      size="xs"
      aria-label={label}
      hideControls
      allowNegative={false}
      decimalScale={decimals}
      {...(placeholder !== undefined && { placeholder })}
      value={draft}
      onChange={setDraft}
      onBlur={give}
      onKeyDown={(event) => event.key === "Enter" && give()}
    />
  );
}
