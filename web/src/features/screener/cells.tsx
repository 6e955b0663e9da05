/** A value of a column, shown by its type in the registry. */
import { isKnown } from "@/shared/format/numbers";
import { duration } from "@/shared/format/time";
import { type Formats, useFormats } from "@/shared/format/use";
import { Missing } from "@/shared/ui/values";
import type { Cell, ResultColumn } from "./types";

/** Types whose values are words: they stand left and sort by letters. */
export const isWords = (type: string): boolean => ["enum", "bool", "text", "event"].includes(type);

export function valueText(value: Cell, type: string, formats: Formats, unit = ""): string | null {
  if (value === null || value === "") return null;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (isWords(type)) return String(value).replaceAll("_", " ");
  if (type === "time") return formats.full(value);
  if (!isKnown(value)) return null;
  switch (type) {
    case "price":
      return formats.price(value);
    case "percent":
      return formats.percent(value, { sign: false });
    case "money":
    case "count":
      return formats.compact(value);
    case "duration":
      return duration(Number(value));
    default:
      // Units of a book are whole; a ratio keeps its decimals, so that a column stands under its point.
      return formats.number(value, 2, unit === "units" ? 0 : 2);
  }
}

export function ValueCell({ value, column }: { value: Cell | undefined; column: ResultColumn }) {
  const formats = useFormats();
  const text = valueText(value ?? null, column.type, formats, column.unit);
  if (text === null) return <Missing why={`${column.label} is not known`} />;
  return (
    <span className="num" title={value === null || value === undefined ? undefined : String(value)}>
      {text}
    </span>
  );
}
