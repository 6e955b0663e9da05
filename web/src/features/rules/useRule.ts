/**
 * One rule under three views. A change of the form is written by the server, a change of the text is read by it;
 * nothing about rules is decided here but which of the two was changed last.
 */
import { useCallback, useEffect, useRef, useState } from "react";
import { checkRule, writeForm } from "@/shared/api/rules";
import type { RuleForm, RulePlan, TextError } from "@/shared/api/ruleTypes";
import { isUnfinished } from "./conditions";

export interface FormError {
  path: string;
  message: string;
}

export interface RuleState {
  text: string;
  /** Null while the text cannot be read. Names that nobody knows here do not hinder that. */
  form: RuleForm | null;
  /** The server's plain words for it. */
  sentence: string;
  plan: RulePlan | null;
  textErrors: TextError[];
  formErrors: FormError[];
  /** A blank is empty: there is nothing to ask yet. */
  isUnfinished: boolean;
  /** The server reads or writes it. */
  isBusy: boolean;
  /** The server did not answer. */
  failure: Error | null;
}

const EMPTY: RuleState = {
  text: "",
  form: null,
  sentence: "",
  plan: null,
  textErrors: [],
  formErrors: [],
  isUnfinished: true,
  isBusy: false,
  failure: null,
};

/** True when what stands there could be armed as it is. */
export const isGood = (state: RuleState): boolean =>
  state.text !== "" &&
  state.form !== null &&
  !state.isBusy &&
  !state.isUnfinished &&
  state.textErrors.length === 0 &&
  state.formErrors.length === 0 &&
  state.failure === null;

const formUnfinished = (form: RuleForm): boolean =>
  form.on.length === 0 || form.name.trim() === "" || isUnfinished(form.when) || isUnfinished(form.where);

const TYPING_MS = 300;
const FORM_MS = 150;

export interface OneRule {
  state: RuleState;
  setText: (text: string) => void;
  setForm: (form: RuleForm) => void;
  again: () => void;
}

export function useRule(start: { text?: string; form?: RuleForm }): OneRule {
  const [state, setState] = useState<RuleState>(() => ({
    ...EMPTY,
    text: start.text ?? "",
    form: start.form ?? null,
  }));
  const running = useRef<AbortController | null>(null);
  const last = useRef<() => void>(() => {});

  /** Runs the newest question; what an older one answers is not heard. */
  const run = useCallback((wait: number, work: (signal: AbortSignal) => Promise<Partial<RuleState>>) => {
    running.current?.abort();
    const control = new AbortController();
    running.current = control;
    setState((old) => ({ ...old, isBusy: true, failure: null }));
    const answer = async () => {
      await new Promise((done) => setTimeout(done, wait));
      if (control.signal.aborted) return;
      try {
        const change = await work(control.signal);
        if (!control.signal.aborted) setState((old) => ({ ...old, ...change, isBusy: false }));
      } catch (error) {
        if (control.signal.aborted) return;
        setState((old) => ({ ...old, isBusy: false, failure: error as Error }));
      }
    };
    void answer();
  }, []);

  const setText = useCallback(
    (text: string) => {
      last.current = () => setText(text);
      const isEmpty = text.trim() === "";
      setState((old) => ({ ...old, text, formErrors: [], isUnfinished: isEmpty }));
      if (isEmpty) {
        running.current?.abort();
        setState((old) => ({ ...old, textErrors: [], isBusy: false }));
      } else run(TYPING_MS, (signal) => read(text, signal));
    },
    [run],
  );

  const setForm = useCallback(
    (form: RuleForm) => {
      last.current = () => setForm(form);
      const unfinished = formUnfinished(form);
      setState((old) => ({ ...old, form, textErrors: [], formErrors: [], isUnfinished: unfinished }));
      if (unfinished) {
        running.current?.abort();
        setState((old) => ({ ...old, isBusy: false, failure: null }));
        return;
      }
      run(FORM_MS, async (signal) => {
        const written = await writeForm(form, signal);
        if (written.errors.length > 0) return { formErrors: written.errors, plan: null };
        // What is being typed stays as it is typed: the canonical spelling is for the text.
        const { form: _normal, ...rest } = await read(written.text, signal);
        return { ...rest, text: written.text };
      });
    },
    [run],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, with what it began with
  useEffect(() => {
    if (start.form) setForm(start.form);
    else if (start.text) setText(start.text);
    return () => running.current?.abort();
  }, []);

  return { state, setText, setForm, again: () => last.current() };
}

/** The text as the server reads it. */
async function read(text: string, signal: AbortSignal): Promise<Partial<RuleState>> {
  const checked = await checkRule(text, signal);
  const [rule, second] = checked.rules;
  const errors = [...checked.errors];
  if (second)
    errors.push({
      line: 1,
      column: 1,
      message: `One alert a page: these are ${checked.rules.length}. Import several under Alerts, Rules.`,
      reason: "several",
    });
  else if (rule?.kind === "screen")
    errors.push({
      line: 1,
      column: 1,
      message: "This is a screen: it has its place in the screener.",
      reason: "screen",
    });
  if (!rule || second || rule.kind === "screen") return { textErrors: errors, form: null, plan: null };
  // One that names what nobody knows here can be read all the same; it cannot be armed.
  const { form, sentence, plan } = rule;
  return { text, form, sentence, plan, textErrors: errors, formErrors: [] };
}
