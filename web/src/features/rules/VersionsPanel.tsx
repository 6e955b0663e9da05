/** The versions of a rule, and what changed between two. */
import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { versionsQuery } from "@/shared/api/rules";
import { useFormats } from "@/shared/format/use";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { diff, type Piece } from "./diff";
import classes from "./rules.module.css";

const MARKS: Record<Piece["kind"], "ins" | "del" | "span"> = { new: "ins", gone: "del", same: "span" };

interface Props {
  uid: string;
  /** What stands in the editor now. */
  text: string;
  onTake: (text: string) => void;
}

export function VersionsPanel({ uid, text, onTake }: Props) {
  const query = useQuery(versionsQuery(uid));
  const formats = useFormats();
  const versions = [...(query.data ?? [])].sort((a, b) => b.version - a.version);
  const [left, setLeft] = useState<string | null>(null);
  const chosen = versions.find((one) => String(one.version) === left) ?? versions[0];
  const pieces = chosen ? diff(chosen.text, text) : [];
  const isSame = pieces.every((piece) => piece.kind === "same");
  return (
    <Panel
      title="Versions"
      height={140}
      state={stateOf(query, { when: versions.length === 0, why: "No version yet." })}
    >
      <div className={classes.versions}>
        <Select
          size="xs"
          label="Compare with what stands in the editor"
          data={versions.map((one) => ({
            value: String(one.version),
            label: `${one.version}, ${formats.full(one.created_at)}, ${one.state}`,
          }))}
          value={chosen ? String(chosen.version) : null}
          onChange={setLeft}
        />
        <p className={classes.diff}>
          {pieces.map((piece, at) => {
            const Mark = MARKS[piece.kind];
            return <Mark key={at}>{piece.text}</Mark>;
          })}
        </p>
        {isSame ? (
          <p className="dim">No difference.</p>
        ) : (
          chosen && (
            <Button variant="default" size="compact-sm" onClick={() => onTake(chosen.text)}>
              Take version {chosen.version} into the editor
            </Button>
          )
        )}
      </div>
    </Panel>
  );
}
