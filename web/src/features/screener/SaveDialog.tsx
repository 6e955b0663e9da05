/** A name for what is on screen, or another one for what has one. */
import { Button, Modal, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { completer } from "@/shared/api/language";
import { writeForm } from "@/shared/api/rules";
import { useShows } from "@/shared/prefs/prefs";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import { useNewScreen, useSaveScreen } from "./api";
import { orderOf } from "./query";
import classes from "./Screener.module.css";
import type { OneScreen } from "./useScreen";

const complete = completer("expression");

export type Asking = "new" | "rename" | null;

/** The text with the order and the columns that are on screen, under that name. */
export async function textUnder(one: OneScreen, name: string): Promise<string> {
  if (!one.form) return one.text;
  const order = orderOf(one.search.sort);
  const columns = one.body?.columns ?? [];
  const written = await writeForm({
    ...one.form,
    name,
    ...(order && { order_by: order.by, descending: order.descending }),
    ...(columns.length > 0 && { columns }),
  });
  const [fault] = written.errors;
  if (fault) throw new Error(fault.message);
  return written.text;
}

export function SaveDialog({
  asking,
  one,
  onClose,
}: {
  asking: Asking;
  one: OneScreen;
  onClose: () => void;
}) {
  return (
    <Modal
      opened={asking !== null}
      onClose={onClose}
      title={asking === "rename" ? "Rename the screen" : "Save the screen"}
    >
      {asking && <NameForm asking={asking} one={one} onClose={onClose} />}
    </Modal>
  );
}

function NameForm({
  asking,
  one,
  onClose,
}: {
  asking: "new" | "rename";
  one: OneScreen;
  onClose: () => void;
}) {
  const isOwn = one.screen?.kind === "saved";
  const [name, setName] = useState(
    asking === "rename" ? (one.screen?.name ?? "") : one.screen ? `My ${one.screen.name}` : "",
  );
  const advanced = useShows("advanced");
  const stored = (isOwn && one.screen?.leave_when) || "";
  const [leave, setLeave] = useState(stored);
  const [fault, setFault] = useState("");
  const [isBusy, setBusy] = useState(false);
  const make = useNewScreen();
  const save = useSaveScreen();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const said = name.trim();
    if (!said || isBusy) return;
    setBusy(true);
    setFault("");
    try {
      const text = await textUnder(one, said);
      // Of a stored one nothing said leaves it, and an empty text takes it away.
      const leave_when = leave.trim() === stored ? null : leave.trim();
      const kept =
        asking === "rename" && isOwn && one.screen
          ? await save.mutateAsync({ screen_id: one.screen.screen_id, name: said, text, leave_when })
          : await make.mutateAsync({ name: said, text, leave_when: leave.trim() || null });
      one.go({ screen: kept.screen_id, text: undefined, sort: undefined, columns: undefined });
      onClose();
    } catch (error) {
      setFault(error instanceof Error ? error.message : "The screen was not saved.");
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className={classes.chipForm}>
      <TextInput
        label="Name"
        maxLength={80}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
      />
      {advanced && (
        <div>
          <ExpressionEditor
            label="Members leave when"
            isLabelShown
            kind="expression"
            complete={complete}
            placeholder="pe > 18"
            value={leave}
            onChange={setLeave}
          />
          <p className={classes.hint}>
            Who is near the edge does not come and go. Empty: they leave when the conditions no longer hold.
          </p>
        </div>
      )}
      <p className={classes.hint}>
        Its conditions, columns and order are kept. A saved screen is live: you see who enters and who leaves.
      </p>
      {fault && (
        <p role="alert" className={classes.error}>
          {fault}
        </p>
      )}
      <div className={classes.actions}>
        <Button type="submit" loading={isBusy} disabled={!name.trim()}>
          {asking === "rename" ? "Rename" : "Save"}
        </Button>
        <Button variant="subtle" onClick={onClose}>
          Cancel
        </Button>
      </div>
    </form>
  );
}
