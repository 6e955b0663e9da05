/** Only the rows in sight, between two spacers: a real table stays a table. */
import { useVirtualizer } from "@tanstack/react-virtual";
import type { ReactNode, RefObject } from "react";

interface Props {
  scroller: RefObject<HTMLDivElement | null>;
  count: number;
  columns: number;
  spacer: string | undefined;
  renderRow: (index: number) => ReactNode;
}

const ROW_PX = 37;

export default function VirtualBody({ scroller, count, columns, spacer, renderRow }: Props) {
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
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
