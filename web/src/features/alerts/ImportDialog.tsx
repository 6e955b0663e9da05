/** Takes in a file of rules: read first, then armed all or none. */
import { Button, Checkbox, Modal, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { Upload } from "lucide-react";
import { type ChangeEvent, type FormEvent, useRef, useState } from "react";
import { completer } from "@/shared/api/language";
import { checkRule, useImport } from "@/shared/api/rules";
import { ExpressionEditor } from "@/shared/ui/ExpressionEditor";
import classes from "./AlertsPage.module.css";

const complete = completer("rule");

export default function ImportDialog({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [group, setGroup] = useState("");
  const [isPruned, setPruned] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const take = useImport();
  const [asked] = useDebouncedValue(text, 350);
  const read = useQuery({
    queryKey: ["import", asked],
    queryFn: ({ signal }) => checkRule(asked, signal),
    enabled: asked.trim() !== "",
    placeholderData: (old) => old,
  });
  const isRead = asked === text && text.trim() !== "" && !read.isPlaceholderData;
  const count = read.data?.rules.length ?? 0;
  const isGood = isRead && read.data?.ok === true && count > 0;

  const choose = async (event: ChangeEvent<HTMLInputElement>) => {
    const chosen = event.currentTarget.files?.[0];
    if (!chosen) return;
    setText(await chosen.text());
    if (group === "") setGroup(chosen.name.replace(/\.bell$/, ""));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isGood || take.isPending) return;
    take.mutate(
      { text, group: group.trim(), prune: isPruned },
      {
        onSuccess: (done) => {
          notifications.show({
            title: "The rules are in",
            message: `${done.armed} new, ${done.changed} changed, ${done.unchanged} as they were, ${done.disarmed} disarmed.`,
            color: "ink",
            closeButtonProps: { "aria-label": "Close the notice" },
          });
          onClose();
        },
      },
    );
  };
  return (
    <Modal opened onClose={onClose} title="Import rules" size="xl">
      <form className={classes.dialog} onSubmit={submit}>
        <div className={classes.ask}>
          <input ref={file} type="file" accept=".bell,text/plain" hidden onChange={choose} />
          <Button
            variant="default"
            leftSection={<Upload size={15} aria-hidden />}
            onClick={() => file.current?.click()}
          >
            Choose a file…
          </Button>
          <span className="dim">or paste its text</span>
        </div>
        <ExpressionEditor
          label="Rules as text"
          kind="rule"
          minRows={8}
          value={text}
          errors={isRead ? (read.data?.errors ?? []) : []}
          complete={complete}
          placeholder={
            'alert "Fast move" on watchlist "core"\n  when close moves by 2% within 10m at tick cooldown 15m per symbol'
          }
          onChange={setText}
        />
        <TextInput
          label="Group"
          description="Rules of one file belong together: importing it again changes them, and adds none twice."
          maxLength={80}
          value={group}
          onChange={(event) => setGroup(event.currentTarget.value)}
        />
        <Checkbox
          label="Disarm rules of this group that the text does not hold"
          checked={isPruned}
          disabled={group.trim() === ""}
          onChange={(event) => setPruned(event.currentTarget.checked)}
        />
        {(take.error ?? read.error) && (
          <p role="alert" className={classes.error}>
            {(take.error ?? read.error)?.message}
          </p>
        )}
        <div className={classes.actions}>
          <Button type="submit" loading={take.isPending} disabled={!isGood}>
            {isGood ? `Arm ${count} ${count === 1 ? "rule" : "rules"}` : "Arm them"}
          </Button>
          <Button variant="subtle" onClick={onClose}>
            Cancel
          </Button>
        </div>
      </form>
    </Modal>
  );
}
