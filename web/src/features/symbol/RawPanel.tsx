/** Advanced: every field of the registry as the engine holds it, with where it comes from and how old it is. */
import { useQuery } from "@tanstack/react-query";
import { fieldsQuery } from "@/shared/api/queries";
import type { FieldInfo, Stock } from "@/shared/api/types";
import { isKnown } from "@/shared/format/numbers";
import { useFormats } from "@/shared/format/use";
import { useQuote, useRoom } from "@/shared/live/hooks";
import { useMarketClock } from "@/shared/live/market";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel, stateOf } from "@/shared/ui/Panel";

const AGED = new Set(["tick", "bar"]);

export function RawPanel({ stock }: { stock: Stock }) {
  const fields = useQuery(fieldsQuery);
  const row = useQuote(stock.instrument);
  const room = useRoom(`instrument:${stock.instrument}`);
  const formats = useFormats();
  const clock = useMarketClock();
  const value = (field: FieldInfo) => {
    const raw = row[field.name];
    if (!isKnown(raw)) return "—";
    if (field.type === "time") return formats.full(raw);
    return String(raw).replace("-", "−");
  };
  const columns: Column<FieldInfo>[] = [
    {
      id: "name",
      title: "Field",
      text: (field) => field.name,
      cell: (field) => <code className="mono">{field.name}</code>,
    },
    {
      id: "value",
      title: "Value",
      align: "right",
      cell: (field) => <span className="num mono">{value(field)}</span>,
    },
    { id: "unit", title: "Unit", cell: (field) => field.unit || field.type },
    { id: "source", title: "From", text: (field) => field.source, cell: (field) => field.source },
    { id: "cadence", title: "Changes", text: (field) => field.cadence, cell: (field) => field.cadence },
    {
      id: "age",
      title: "Age",
      align: "right",
      cell: (field) =>
        AGED.has(field.cadence) && isKnown(row[field.name]) && clock ? (
          <span className="num">{formats.ago(row.event_time as number, clock)}</span>
        ) : (
          <span className="faint">—</span>
        ),
    },
  ];
  const rows = (fields.data ?? []).filter((field) => field.name !== "src.age");
  return (
    <Panel
      title="Raw row"
      source={`room instrument:${stock.instrument} · ${room.status}${room.gaps ? ` · ${room.gaps} gaps` : ""}`}
      asOf={room.as_of}
      clock={clock}
      height={320}
      flush
      state={stateOf(fields)}
    >
      <DataTable
        label={`Every field of ${stock.symbol}`}
        rows={rows}
        columns={columns}
        keyOf={(field) => field.name}
        height={420}
      />
    </Panel>
  );
}
