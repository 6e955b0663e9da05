/** Symbols out of pasted text: commas, semicolons, tabs, spaces or lines between; each once, in their order. */
export function parsePasted(text: string): string[] {
  const words = text
    .split(/[\s,;|]+/)
    .map((word) =>
      word
        .replaceAll(/["'()]/g, "")
        .trim()
        .toUpperCase(),
    )
    .filter((word) => /^[A-Z0-9:&._-]{1,60}$/.test(word) && !/^[\d.]+$/.test(word));
  return [...new Set(words)];
}
