/** Saves rows as CSV on the reader's machine. */
export function saveCsv(name: string, head: string[], rows: (string | number | null | undefined)[][]): void {
  const cell = (value: string | number | null | undefined) => {
    const text = value === null || value === undefined ? "" : String(value);
    // A leading = + - @ would be read as a formula by spreadsheets unless it is a number.
    const safe = /^[=+\-@]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const text = [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  saveText(`${name}.csv`, `${text}\r\n`, "text/csv");
}

/** Saves a text as a file on the reader's machine. */
export function saveText(name: string, text: string, type = "text/plain"): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
