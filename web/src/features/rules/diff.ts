/** Two texts word by word: what stayed, what went, what came. Pure. */
export interface Piece {
  kind: "same" | "gone" | "new";
  text: string;
}

const words = (text: string): string[] => text.match(/\s+|[A-Za-z0-9_.]+|"[^"]*"|./gs) ?? [];

export function diff(before: string, after: string): Piece[] {
  const a = words(before);
  const b = words(after);
  // common[i][j]: length of the longest common run of a[i…] and b[j…]
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  const row = (at: number) => common[at] ?? new Uint16Array(b.length + 1);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      row(i)[j] =
        a[i] === b[j] ? (row(i + 1)[j + 1] ?? 0) + 1 : Math.max(row(i + 1)[j] ?? 0, row(i)[j + 1] ?? 0);
  const found: Piece[] = [];
  const say = (kind: Piece["kind"], text: string) => {
    const last = found[found.length - 1];
    if (last?.kind === kind) last.text += text;
    else found.push({ kind, text });
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const left = a[i];
    const right = b[j];
    if (left !== undefined && left === right) {
      say("same", left);
      i += 1;
      j += 1;
    } else if (right === undefined || (left !== undefined && (row(i + 1)[j] ?? 0) >= (row(i)[j + 1] ?? 0))) {
      say("gone", left ?? "");
      i += 1;
    } else {
      say("new", right);
      j += 1;
    }
  }
  return found;
}
