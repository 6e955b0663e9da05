import type { SectorRow } from "@/shared/api/types";
import { useFormats } from "@/shared/format/use";
import { sourceWord, useMarketClock, useSectors, useSource } from "@/shared/live/market";
import { type Column, DataTable } from "@/shared/ui/DataTable";
import { Panel } from "@/shared/ui/Panel";
import { ChangeText } from "@/shared/ui/values";

export function SectorPanel() {
  const sectors = useSectors();
  const source = useSource();
  const clock = useMarketClock();
  const formats = useFormats();
  const columns: Column<SectorRow>[] = [
    { id: "sector", title: "Sector", text: (row) => row.sector, cell: (row) => row.sector || "No sector" },
    {
      id: "change",
      title: "Change",
      about: "Change of the sector, weighted by market value",
      align: "right",
      value: (row) => row.change_pct,
      cell: (row) => <ChangeText value={row.change_pct} />,
    },
    {
      id: "breadth",
      title: "▲ / ▼",
      about: "Rising and falling",
      align: "right",
      value: (row) => row.advances / Math.max(1, row.count),
      cell: (row) => (
        <span className="num">
          {formats.count(row.advances)} / {formats.count(row.declines)}
        </span>
      ),
    },
  ];
  return (
    <Panel
      title="Sectors"
      source={sourceWord(source)}
      asOf={clock}
      clock={clock}
      height={300}
      flush
      state={
        sectors === undefined
          ? { kind: "loading" }
          : sectors.length === 0
            ? { kind: "empty", why: "The source names no sectors for its instruments." }
            : { kind: "ready" }
      }
    >
      <DataTable
        label="Sectors"
        rows={sectors ?? []}
        columns={columns}
        keyOf={(row) => row.sector}
        sort={{ id: "change", down: true }}
        height={386}
        live
      />
    </Panel>
  );
}
