import { useFormats } from "@/shared/format/use";
import classes from "./options.module.css";
import { TableBox } from "./TableBox";
import type { Num } from "./types";

/** A chart's numbers as rows; texts stand as they are. */
export function IvTable({
  head,
  rows,
}: {
  head: readonly string[];
  rows: readonly (readonly (Num | string)[])[];
}) {
  const formats = useFormats();
  return (
    <TableBox label="Volatilities, as a table">
      <table className={classes.plain}>
        <thead>
          <tr>
            {head.map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((value, index) => (
                <td key={head[index]} className="num">
                  {typeof value === "string" ? value : formats.number(value, 2, index === 0 ? 0 : 2)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox>
  );
}
