/** What can be done with the rows: keep the query, choose columns, be told, take them elsewhere. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useNavigate } from "@tanstack/react-router";
import {
  BellPlus,
  Code,
  Columns3,
  EllipsisVertical,
  Pencil,
  RefreshCw,
  Save,
  Table2,
  Trash2,
} from "lucide-react";
import { writeForm } from "@/shared/api/rules";
import { useShows } from "@/shared/prefs/prefs";
import { usePageKeys } from "@/shared/ui/keys";
import { saveCsv } from "@/shared/ui/save";
import { runWhole, useDropScreen, useSaveScreen } from "./api";
import { alertForm } from "./query";
import { type Asking, textUnder } from "./SaveDialog";
import type { ResultPage } from "./types";
import type { OneScreen } from "./useScreen";

export function ResultTools(props: {
  one: OneScreen;
  title: string;
  onAsk: (what: Asking) => void;
  onDialog: (what: "columns" | "api") => void;
}) {
  const { one, title, onAsk, onDialog } = props;
  const intermediate = useShows("intermediate");
  const advanced = useShows("advanced");
  const save = useSaveScreen();
  const drop = useDropScreen();
  const { screen, form, search } = one;
  const isOwn = screen?.kind === "saved";
  const isTouched = one.isChanged || Boolean(search.sort) || Boolean(search.columns);
  const fail = (error: Error) =>
    notifications.show({ title: "That did not work", message: error.message, color: "red" });
  const csv = () => {
    // Every row, not only those that are shown.
    if (one.body) runWhole(one.body).then((whole) => saveRows(one.name, whole), fail);
  };
  const keep = () => {
    if (!screen) return;
    textUnder(one, screen.name)
      .then((text) => save.mutateAsync({ screen_id: screen.screen_id, name: screen.name, text }))
      .then(() => one.go({ text: undefined, sort: undefined, columns: undefined }), fail);
  };
  usePageKeys({ e: csv, ...(intermediate && { c: () => onDialog("columns") }) });
  return (
    <>
      {intermediate && isTouched && isOwn && (
        <Button size="compact-sm" loading={save.isPending} onClick={keep}>
          Save
        </Button>
      )}
      {intermediate && isTouched && !isOwn && (
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<Save size={14} aria-hidden />}
          onClick={() => onAsk("new")}
        >
          Save
        </Button>
      )}
      {intermediate && (
        <Button
          size="compact-sm"
          variant="subtle"
          leftSection={<Columns3 size={15} aria-hidden />}
          onClick={() => onDialog("columns")}
        >
          Columns
        </Button>
      )}
      {advanced && form && <AlertMe one={one} onFail={fail} />}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon size={28} aria-label={`${title}: more`}>
            <EllipsisVertical size={16} aria-hidden />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<RefreshCw size={14} aria-hidden />} onClick={() => void one.run.refetch()}>
            Refresh
          </Menu.Item>
          <Menu.Item leftSection={<Table2 size={14} aria-hidden />} onClick={csv}>
            Save as CSV
          </Menu.Item>
          {intermediate && (
            <Menu.Item leftSection={<Save size={14} aria-hidden />} onClick={() => onAsk("new")}>
              Save as a new screen
            </Menu.Item>
          )}
          {advanced && (
            <Menu.Item leftSection={<Code size={14} aria-hidden />} onClick={() => onDialog("api")}>
              Ask from a program
            </Menu.Item>
          )}
          {isOwn && (
            <>
              <Menu.Item leftSection={<Pencil size={14} aria-hidden />} onClick={() => onAsk("rename")}>
                Rename
              </Menu.Item>
              <Menu.Item
                leftSection={<Trash2 size={14} aria-hidden />}
                onClick={() =>
                  drop.mutate(screen.screen_id, {
                    onSuccess: () => one.go({}, { isNew: true }),
                    onError: fail,
                  })
                }
              >
                Delete the screen
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
    </>
  );
}

/** The rule builder, filled with an alert for who enters and who leaves. */
function AlertMe({ one, onFail }: { one: OneScreen; onFail: (error: Error) => void }) {
  const navigate = useNavigate();
  const open = () => {
    if (!one.form) return;
    writeForm(alertForm(one.form, one.name)).then(({ text, errors }) => {
      const [fault] = errors;
      if (fault) onFail(new Error(fault.message));
      else void navigate({ to: "/rules/new", search: { text } });
    }, onFail);
  };
  return (
    <Button
      size="compact-sm"
      variant="subtle"
      leftSection={<BellPlus size={15} aria-hidden />}
      title="Alert me when the membership changes"
      onClick={open}
    >
      Alert me
    </Button>
  );
}

function saveRows(name: string, whole: ResultPage): void {
  saveCsv(
    name,
    [
      "instrument",
      "name",
      "close",
      "change_pct",
      "volume",
      ...whole.columns.map((column) => column.expression),
    ],
    whole.items.map((row) => [
      row.instrument,
      row.name,
      row.close,
      row.change_pct,
      row.volume,
      ...row.values.map((value) => (typeof value === "boolean" ? String(value) : value)),
    ]),
  );
}
