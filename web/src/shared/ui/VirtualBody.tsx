/** Only the rows in sight, between two spacers: a real table stays a table. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, type RefObject, useEffect, useLayoutEffect, useState } from "react";

interface Props {
  scroller: RefObject<HTMLDivElement | null>;
  count: number;
  columns: number;
  spacer: string | undefined;
  renderRow: (index: number) => ReactNode;
}

/** Of a row of one line at normal density; the first one that is drawn says what it is here. */
const ROW_PX = 37;

export default function VirtualBody({ scroller, count, columns, spacer, renderRow }: Props) {
  const [rowPx, setRowPx] = useState(ROW_PX);
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan: 12,
  });
  useLayoutEffect(() => {
    const drawn = scroller.current?.querySelector<HTMLElement>("tr[data-index]")?.offsetHeight;
    // Once only: rows that differ would otherwise move the list under the reader.
    if (drawn) setRowPx((before) => (before === ROW_PX ? drawn : before));
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another height asks for another measure
  useEffect(() => virtualizer.measure(), [rowPx]);
  const items = virtualizer.getVirtualItems();
  const above = items[0]?.start ?? 0;
  const last = items[items.length - 1];
  const below = last ? virtualizer.getTotalSize() - last.end : 0;
  return (
    <tbody>
      <Spacer height={above} columns={columns} className={spacer} />
      {items.map((item) => renderRow(item.index))}
      <Spacer height={below} columns={columns} className={spacer} />
    </tbody>
  );
}

function Spacer({
  height,
  columns,
  className,
}: {
  height: number;
  columns: number;
  className: string | undefined;
}) {
  if (height <= 0) return null;
  return (
    <tr className={className}>
      <td colSpan={columns} style={{ height }} />
    </tr>
  );
}
