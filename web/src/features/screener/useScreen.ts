/**
 * The query on screen. The address holds it; the server turns text into a form and back, and says who matches.
 * What could last be read stays on screen while a text is being written.
 */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useRef } from "react";
import { checkRule, registryQuery, writeForm } from "@/shared/api/rules";
import type { CheckedRule, FieldEntry, RuleForm, TextError } from "@/shared/api/ruleTypes";
import { textErrors } from "@/shared/api/textErrors";
import { runQuery, screensQuery } from "./api";
import { bodyOf, isScreen, labelsOf, named, operandsOf, type ScreenSearch } from "./query";
import type { Chip, ResultPage, ResultRow, RunBody, ScreenInfo } from "./types";

const NONE: readonly FieldEntry[] = [];
const UNNAMED = "Your query";
const NOBODY: readonly ResultRow[] = [];

export interface OneScreen {
  search: ScreenSearch;
  /** The screen that the query came from; undefined for a query of one's own. */
  screen: ScreenInfo | undefined;
  name: string;
  text: string;
  /** True where the text is not the screen's any more, or is nobody's. */
  isChanged: boolean;
  /** Undefined until the server has read the text. */
  form: RuleForm | undefined;
  sentence: string;
  errors: readonly TextError[];
  body: RunBody | null;
  result: ResultPage | undefined;
  rows: readonly ResultRow[];
  chips: readonly Chip[] | undefined;
  run: ReturnType<typeof useInfiniteQuery<ResultPage, Error, { pages: ResultPage[] }>>;
  fields: readonly FieldEntry[];
  labels: ReadonlyMap<string, string>;
  go: (change: Partial<ScreenSearch>, options?: { isNew?: boolean }) => void;
  setText: (text: string) => void;
  /** Writes the form as text; throws with the server's words where it cannot be one. */
  edit: (form: RuleForm) => Promise<void>;
}

export function useScreen(): OneScreen {
  const search = useSearch({ from: "/screener" });
  const navigate = useNavigate();
  const screens = useQuery(screensQuery).data;
  const fields = useQuery(registryQuery).data?.items ?? NONE;
  const labels = useMemo(() => labelsOf(fields), [fields]);
  const screen =
    screens?.find((one) => one.screen_id === search.screen) ?? (search.text ? undefined : screens?.[0]);
  const text = search.text ?? screen?.text ?? "";
  const isChanged = search.text !== undefined && search.text !== screen?.text;
  const origin = screen?.screen_id ?? "";
  const read = useQuery({
    queryKey: ["screens", "read", text],
    queryFn: ({ signal }) => readText(text, signal),
    enabled: text !== "",
    staleTime: Number.POSITIVE_INFINITY,
    retry: 1,
  });
  const checked = useLast(read.data ?? undefined, origin);
  // A text that names no columns shows what it compares; that is known when it has been read.
  const isRead = !isChanged || search.columns !== undefined || !read.isPending;
  const own = isChanged && read.data?.form.columns.length === 0 ? operandsOf(read.data.form.when) : [];
  const body = bodyOf(search, screen, own);
  const run = useInfiniteQuery(runQuery(isRead ? body : null));
  const result = useLast(run.data?.pages[0], origin);
  const pages = run.data?.pages;
  const rows = useMemo(
    () => pages?.flatMap((page) => page.items) ?? result?.items ?? NOBODY,
    [pages, result],
  );
  const go = (change: Partial<ScreenSearch>, options: { isNew?: boolean } = {}) =>
    void navigate({
      to: "/screener",
      search: (old: object) => clean({ ...(options.isNew ? {} : (old as ScreenSearch)), ...change }),
      replace: !options.isNew,
      resetScroll: false,
    });
  const setText = (next: string) =>
    go({ screen: screen?.screen_id, text: next.trim() === screen?.text.trim() ? undefined : next });
  const edit = async (next: RuleForm) => {
    const written = await writeForm(named(next, UNNAMED));
    const [fault] = written.errors;
    if (fault) throw new Error(fault.message);
    setText(written.text);
  };
  return {
    search,
    screen,
    name: checked?.name || screen?.name || UNNAMED,
    text,
    isChanged,
    form: checked?.form,
    sentence: checked?.sentence ?? "",
    errors: textErrors(run.error, "text"),
    body,
    result,
    rows,
    chips: result?.chips,
    run,
    fields,
    labels,
    go,
    setText,
    edit,
  };
}

/** The form and the words of a text. A condition alone is read as the screen of nobody's that it is. */
async function readText(text: string, signal: AbortSignal): Promise<CheckedRule | null> {
  const isBare = !isScreen(text);
  const { rules } = await checkRule(isBare ? `screen ${JSON.stringify(UNNAMED)} when ${text}` : text, signal);
  const [found] = rules;
  if (!found) return null;
  return isBare ? { ...found, name: "", form: { ...found.form, name: "" } } : found;
}

/** The newest answer; while another text of the same screen is asked for or wrong, the one before it. */
function useLast<T>(now: T | undefined, screen: string): T | undefined {
  const kept = useRef<{ screen: string; value: T } | null>(null);
  useEffect(() => {
    if (now !== undefined) kept.current = { screen, value: now };
  }, [now, screen]);
  return now ?? (kept.current?.screen === screen ? kept.current.value : undefined);
}

/** An address without what is not said. */
function clean(search: ScreenSearch): ScreenSearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value)) as ScreenSearch;
}
