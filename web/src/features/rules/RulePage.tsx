/** One alert: as a sentence, a form or a text; what it would have done; and then armed. */
import { ActionIcon, Button, Menu, SegmentedControl } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { BellPlus, EllipsisVertical } from "lucide-react";
import { ApiError } from "@/shared/api/client";
import { useDisarm } from "@/shared/api/queries";
import { ruleQuery, storedRulesQuery, useArmAgain, useArmText, useSaveRule } from "@/shared/api/rules";
import type { RuleForm, StoredRule } from "@/shared/api/ruleTypes";
import { type Mode, usePrefs, useShows } from "@/shared/prefs/prefs";
import { Panel, Skeleton, stateOf } from "@/shared/ui/Panel";
import page from "@/shared/ui/page.module.css";
import { FormView } from "./FormView";
import { freshUid, instrumentOf, newForm, scopeOf, TICK } from "./forms";
import { PlanPanel } from "./PlanPanel";
import { PreviewPanel } from "./PreviewPanel";
import classes from "./rules.module.css";
import { fillingOf, SentenceView, Templates } from "./SentenceView";
import { patternOf, startValues, TEMPLATES, writeSentence } from "./sentences";
import { TestPanel } from "./TestPanel";
import { TextView } from "./TextView";
import { isGood, type OneRule, type RuleState, useRule } from "./useRule";
import { VersionsPanel } from "./VersionsPanel";

const VIEWS = ["sentence", "form", "text"] as const;
export type View = (typeof VIEWS)[number];

const OF_MODE: Record<Mode, readonly View[]> = {
  beginner: ["sentence"],
  intermediate: ["sentence", "form"],
  advanced: VIEWS,
};
const FIRST: Record<Mode, View> = { beginner: "sentence", intermediate: "form", advanced: "text" };
const VIEW_WORDS: Record<View, string> = { sentence: "Sentence", form: "Form", text: "Text" };

export function NewRulePage() {
  const search = useSearch({ from: "/rules/new" });
  // The address fills the blanks once; what is typed then is not put into it.
  const key = JSON.stringify([search.on, search.above, search.below, search.template, search.text]);
  const start = search.text ? { text: search.text } : { form: startOf(search) };
  return <Builder key={key} start={start} stored={null} view={search.view} />;
}

/** The form that an address asks for: an instrument, a level, a template. */
function startOf(search: { on?: string; above?: string; below?: string; template?: string }): RuleForm {
  const template = TEMPLATES.find((one) => one.id === search.template);
  const pattern = patternOf(template?.pattern ?? "price");
  const on = search.on ? scopeOf(search.on) : null;
  const level = search.above ?? search.below ?? "";
  const base = newForm(freshUid(), { op: "crosses", direction: "above", left: "close", right: "" }, [], TICK);
  if (!pattern) return base;
  return writeSentence(base, {
    pattern,
    values: {
      ...startValues(pattern),
      ...template?.values,
      ...(search.below ? { way: "below" } : {}),
      ...(pattern.id === "price" ? { level } : {}),
    },
    scope: on,
    often: pattern.often,
  });
}

export function RulePage() {
  const { uid } = useParams({ from: "/rules/$uid" });
  const { view } = useSearch({ from: "/rules/$uid" });
  const query = useQuery({ ...ruleQuery(uid), staleTime: 0 });
  if (query.isPending) return <Skeleton height={520} />;
  const rule = query.data;
  if (!rule) {
    const isUnknown = query.error instanceof ApiError && query.error.status === 404;
    return (
      <Panel
        title="Alert"
        state={
          isUnknown
            ? {
                kind: "empty",
                why: "There is no such alert: it may have been deleted.",
                action: (
                  <Link to="/alerts" search={{ show: "rules" }}>
                    All rules
                  </Link>
                ),
              }
            : stateOf(query)
        }
      />
    );
  }
  return <Builder key={`${uid} ${rule.version}`} start={{ text: rule.text }} stored={rule} view={view} />;
}

interface BuilderProps {
  start: { text?: string; form?: RuleForm };
  stored: StoredRule | null;
  view: View | undefined;
}

function Builder({ start, stored, view: asked }: BuilderProps) {
  const navigate = useNavigate();
  const mode = usePrefs((prefs) => prefs.mode);
  const advanced = useShows("advanced");
  const rule = useRule(start);
  const { state, setForm, setText } = rule;
  const arming = useArming(state, stored);
  const view = asked ?? FIRST[mode];
  // Every address works in every mode: a view that is asked for is there.
  const views = VIEWS.filter((one) => OF_MODE[mode].includes(one) || one === view);
  const show = (next: View) =>
    void navigate({
      to: ".",
      search: (old: Record<string, unknown>) => ({ ...old, view: next }),
      replace: true,
    });
  const form = state.form;
  const instrument = instrumentOf(form?.on[0]);
  const good = isGood(state);
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>{stored ? stored.name : "New alert"}</h1>
          <p>
            {stored
              ? `Version ${stored.version}, ${stored.state}. A change becomes the next version.`
              : "Say what to watch, look at what it would have done, then arm it."}
          </p>
        </div>
        <div className={classes.head}>
          {views.length > 1 && (
            <SegmentedControl
              aria-label="How the alert is shown"
              data={views.map((one) => ({ value: one, label: VIEW_WORDS[one] }))}
              value={view}
              onChange={(value) => show(value as View)}
            />
          )}
          {stored && <StoredMenu stored={stored} />}
        </div>
      </div>
      <div className={page.grid}>
        <div className={`${page.stack} ${page.w7}`}>
          <Panel title="The alert" label="The alert">
            {view === "text" ? (
              <TextView text={state.text} errors={state.textErrors} onText={setText} onSubmit={arming.send} />
            ) : !form ? (
              <Unread rule={rule} onText={() => show("text")} />
            ) : view === "form" ? (
              <FormView form={form} errors={state.formErrors} onForm={setForm} />
            ) : (
              <SentenceView
                form={form}
                sentence={state.sentence}
                onForm={setForm}
                onShowForm={() => show("form")}
              />
            )}
            <Arm rule={rule} stored={stored} arming={arming} view={view} />
          </Panel>
          {stored === null && view === "sentence" && form && (
            <Panel title="Or begin with one of these">
              <Templates form={form} onForm={setForm} />
            </Panel>
          )}
          {advanced && stored && <VersionsPanel uid={stored.rule_uid} text={state.text} onTake={setText} />}
          {advanced && <PlanPanel plan={state.plan} uid={stored?.rule_uid ?? null} />}
        </div>
        <div className={`${page.stack} ${page.w5}`}>
          <PreviewPanel
            text={
              good ? state.text : state.isBusy && state.text !== "" && !state.isUnfinished ? state.text : null
            }
            isUnread={state.textErrors.length + state.formErrors.length > 0}
            instrument={instrument}
            {...(form && {
              onCooldown: (duration: string) => setForm({ ...form, cooldown: { duration, per: "symbol" } }),
            })}
          />
          {advanced && (
            <TestPanel
              uid={stored?.rule_uid ?? null}
              instrument={instrument ?? stored?.instrument ?? undefined}
              notify={form?.notify ?? []}
            />
          )}
        </div>
      </div>
    </>
  );
}

/** A text that cannot be read has no form: its errors lead to the text. */
function Unread({ rule, onText }: { rule: OneRule; onText: () => void }) {
  const { state } = rule;
  if (state.isBusy) return <Skeleton height={200} />;
  return (
    <div className={classes.words}>
      <p>The text of this alert cannot be read as it stands, so it has no form.</p>
      {state.textErrors.map((error) => (
        <p key={`${error.line}:${error.column}`} className={classes.error}>
          Line {error.line}, column {error.column}: {error.message}
        </p>
      ))}
      <Button variant="default" onClick={onText}>
        Mend the text
      </Button>
    </div>
  );
}

/** Arms what stands there, or its next version; then the list of rules shows it. */
function useArming(state: RuleState, stored: StoredRule | null) {
  const navigate = useNavigate();
  const arm = useArmText();
  const save = useSaveRule();
  const isBusy = arm.isPending || save.isPending;
  const isChanged = stored === null || state.text.trim() !== stored.text.trim();
  const isReady = isGood(state) && isChanged;
  const done = (saved: StoredRule) => {
    notifications.show({
      title: stored ? `${saved.name}: version ${saved.version} is armed` : `${saved.name} is armed`,
      message: saved.sentence || state.sentence,
      color: "ink",
      autoClose: 8000,
      closeButtonProps: { "aria-label": "Close the notice" },
    });
    void navigate({ to: "/alerts", search: { show: "rules" } });
  };
  const send = () => {
    if (!isReady || isBusy) return;
    // A promise of its own: the new version lays this page anew before a callback of the mutation would come.
    const saved = stored
      ? save.mutateAsync({ rule_uid: stored.rule_uid, text: state.text })
      : arm.mutateAsync(state.text);
    saved.then(done, () => {});
  };
  return { send, isBusy, isChanged, isReady, error: arm.error ?? save.error };
}

/** What it says in plain words, and the one button that makes it real. */
function Arm({
  rule,
  stored,
  arming,
  view,
}: {
  rule: OneRule;
  stored: StoredRule | null;
  arming: ReturnType<typeof useArming>;
  view: View;
}) {
  const { state } = rule;
  const others = useQuery(storedRulesQuery).data;
  // Its plain words stand above already.
  const isSaid = view === "sentence" && state.form !== null && fillingOf(state.form) === null;
  const failed = arming.error ?? state.failure;
  const name = state.form?.name ?? "";
  // The name is what tells a new rule from another.
  const twin = stored ? undefined : others?.find((one) => one.name === name);
  return (
    <div className={classes.arm}>
      <p className={classes.said} aria-live="polite">
        {state.isUnfinished
          ? "Fill the blanks first."
          : state.textErrors.length + state.formErrors.length > 0
            ? "It cannot be armed yet."
            : isSaid
              ? ""
              : state.sentence}
      </p>
      {view !== "text" &&
        state.form &&
        state.textErrors.map((error) => (
          <p key={`${error.line}:${error.column}`} className={classes.error}>
            {error.message}
          </p>
        ))}
      {twin && (
        <p className="dim">
          There is an alert of this name ({twin.state}): this becomes its next version.{" "}
          <Link to="/rules/$uid" params={{ uid: twin.rule_uid }} search={{}}>
            Open it
          </Link>
        </p>
      )}
      {failed && (
        <p role="alert" className={classes.error}>
          {failed.message}
          {failed instanceof ApiError && failed.requestId ? ` (${failed.requestId.slice(0, 8)})` : ""}{" "}
          {failed === state.failure && (
            <button type="button" className={classes.textButton} onClick={rule.again}>
              Try again
            </button>
          )}
        </p>
      )}
      <div className={classes.actions}>
        <Button
          leftSection={<BellPlus size={16} aria-hidden />}
          loading={arming.isBusy}
          disabled={!arming.isReady}
          onClick={arming.send}
        >
          {stored ? `Arm as version ${stored.version + 1}` : "Arm the alert"}
        </Button>
        <Button
          variant="subtle"
          renderRoot={(props) => <Link {...props} to="/alerts" search={{ show: "rules" }} />}
        >
          {arming.isChanged ? "Cancel" : "Back"}
        </Button>
      </div>
    </div>
  );
}

function StoredMenu({ stored }: { stored: StoredRule }) {
  const navigate = useNavigate();
  const again = useArmAgain();
  const disarm = useDisarm();
  const isArmed = stored.state === "armed";
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon aria-label="More for this alert">
          <EllipsisVertical size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => (isArmed ? disarm.mutate(stored.rule_uid) : again.mutate(stored.rule_uid))}>
          {isArmed ? "Disable" : "Arm again"}
        </Menu.Item>
        <Menu.Item onClick={() => void navigate({ to: "/alerts", search: { rule: stored.rule_uid } })}>
          What it fired
        </Menu.Item>
        <Menu.Item onClick={() => void navigate({ to: "/rules/new", search: { text: copyOf(stored) } })}>
          Copy into a new alert
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** The text under another name: a rule's name is what tells it from another. */
function copyOf(stored: StoredRule): string {
  const quoted = JSON.stringify(stored.name);
  return stored.text.replace(`alert ${quoted}`, `alert ${JSON.stringify(`${stored.name}, copy`)}`);
}
