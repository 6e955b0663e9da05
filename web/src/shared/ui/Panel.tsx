/** The one panel: title, source and age, menu, body, and every state a body can be in. */
import { ActionIcon, Button, Menu } from "@mantine/core";
import {
  Clock3,
  CloudOff,
  EllipsisVertical,
  Lock,
  Moon,
  RefreshCw,
  Table2,
  TriangleAlert,
  Unplug,
} from "lucide-react";
import { type ReactNode, useEffect, useId, useState } from "react";
import { ApiError } from "@/shared/api/client";
import { duration } from "@/shared/format/time";
import { useFormats } from "@/shared/format/use";
import classes from "./Panel.module.css";

export type PanelState =
  | { kind: "ready" }
  | { kind: "loading" }
  | { kind: "refreshing" }
  | { kind: "empty"; why: string; action?: ReactNode }
  | { kind: "partial"; note: string }
  | { kind: "delayed"; minutes: number }
  | { kind: "stale"; seconds: number; where?: ReactNode }
  | { kind: "closed"; opens: string }
  | { kind: "error"; error: unknown; works?: string; retry?: () => void; retryInS?: number }
  | { kind: "forbidden"; who: string }
  | { kind: "offline" };

export interface PanelProps {
  title: ReactNode;
  /** Said by screen readers where the title is not plain text. */
  label?: string;
  source?: string | null;
  /** Venue time of the newest value shown. */
  asOf?: string | number | null;
  /** The clock the age is counted against, ms: the market's, so that a replay's ages are right. */
  clock?: number | null;
  state?: PanelState;
  /** Height of the skeleton; the body's final height, so that nothing jumps. */
  height?: number;
  tools?: ReactNode;
  onRefresh?: () => void;
  onTable?: () => void;
  asTable?: boolean;
  onCsv?: () => void;
  flush?: boolean;
  className?: string;
  children?: ReactNode;
}

/** An empty panel need not be as tall as a full one. */
const EMPTY_PX = 180;

export function Panel(props: PanelProps) {
  const { title, label, state = { kind: "ready" }, tools, flush, className, children } = props;
  const heading = useId();
  const body = bodyOf(state, props, children);
  return (
    <section
      className={`${classes.panel} ${className ?? ""}`}
      aria-labelledby={label ? undefined : heading}
      aria-label={label}
    >
      <header className={classes.head}>
        <div className={classes.titles}>
          <h2 id={heading} className={classes.title}>
            {title}
          </h2>
          <SourceAge {...props} />
        </div>
        <div className={classes.tools}>
          <StateBadge state={state} />
          {tools}
          <PanelMenu {...props} />
        </div>
      </header>
      {state.kind === "refreshing" && (
        <div className={classes.bar} role="progressbar" aria-label="Refreshing" />
      )}
      <div
        className={`${classes.body} ${flush ? classes.flush : ""} ${state.kind === "stale" ? classes.stale : ""}`}
      >
        {body}
      </div>
      {state.kind === "partial" && (
        <footer className={classes.note}>
          <TriangleAlert size={14} aria-hidden /> {state.note}
        </footer>
      )}
    </section>
  );
}

function SourceAge({ source, asOf, clock }: PanelProps) {
  const formats = useFormats();
  if (!source && !asOf) return null;
  const age = asOf && clock ? formats.ago(asOf, clock) : asOf ? formats.clock(asOf) : null;
  return (
    <span className={classes.source}>
      {source}
      {source && age ? " · " : ""}
      {age && <time title={formats.full(asOf)}>{age}</time>}
    </span>
  );
}

function StateBadge({ state }: { state: PanelState }) {
  if (state.kind === "delayed")
    return (
      <span className={classes.badge}>
        <Clock3 size={14} aria-hidden /> {state.minutes} min delayed
      </span>
    );
  if (state.kind === "closed")
    return (
      <span className={classes.badge}>
        <Moon size={14} aria-hidden /> Closed · opens {state.opens}
      </span>
    );
  if (state.kind === "stale")
    return (
      <span className={`${classes.badge} ${classes.warn}`}>
        <Clock3 size={14} aria-hidden /> No tick for {duration(state.seconds)} {state.where}
      </span>
    );
  if (state.kind === "offline")
    return (
      <span className={`${classes.badge} ${classes.warn}`}>
        <CloudOff size={14} aria-hidden /> Offline · last values
      </span>
    );
  return null;
}

function PanelMenu({ title, label, onRefresh, onTable, asTable, onCsv }: PanelProps) {
  if (!onRefresh && !onTable && !onCsv) return null;
  const name = label ?? (typeof title === "string" ? title : "Panel");
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon aria-label={`${name}: more`} size={28} className={classes.more}>
          <EllipsisVertical size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {onRefresh && (
          <Menu.Item leftSection={<RefreshCw size={14} aria-hidden />} onClick={onRefresh}>
            Refresh
          </Menu.Item>
        )}
        {onTable && (
          <Menu.Item leftSection={<Table2 size={14} aria-hidden />} onClick={onTable}>
            {asTable ? "Show as chart" : "Show as table"}
          </Menu.Item>
        )}
        {onCsv && (
          <Menu.Item leftSection={<Table2 size={14} aria-hidden />} onClick={onCsv}>
            Save as CSV
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}

function bodyOf(state: PanelState, props: PanelProps, children: ReactNode): ReactNode {
  switch (state.kind) {
    case "loading":
      return <Skeleton height={props.height ?? 180} />;
    case "empty":
      return (
        <Message icon={null} text={state.why} minHeight={Math.min(props.height ?? 0, EMPTY_PX)}>
          {state.action}
        </Message>
      );
    case "error":
      return <Failure {...state} minHeight={Math.min(props.height ?? 0, EMPTY_PX)} />;
    case "forbidden":
      return (
        <Message
          icon={<Lock size={20} aria-hidden />}
          text="You may not see this."
          minHeight={Math.min(props.height ?? 0, EMPTY_PX)}
        >
          <span className="dim">{state.who} can give you the right.</span>
        </Message>
      );
    case "offline":
      return (
        children ?? (
          <Message
            icon={<Unplug size={20} aria-hidden />}
            text="Nothing was kept for reading offline."
            minHeight={Math.min(props.height ?? 0, EMPTY_PX)}
          />
        )
      );
    default:
      return children;
  }
}

/** Appears after 150 ms only: a fast answer never flickers. */
export function Skeleton({ height }: { height: number }) {
  return (
    <div className={classes.skeleton} style={{ height }} role="status" aria-label="Loading">
      <i />
      <i />
      <i />
    </div>
  );
}

function Message(props: {
  icon: ReactNode;
  text: string;
  minHeight?: number | undefined;
  children?: ReactNode;
}) {
  return (
    <div className={classes.message} style={{ minHeight: props.minHeight }}>
      {props.icon}
      <p>{props.text}</p>
      {props.children}
    </div>
  );
}

function Failure(props: {
  error: unknown;
  works?: string;
  retry?: () => void;
  retryInS?: number;
  minHeight?: number | undefined;
}) {
  const { error, works, retry, retryInS } = props;
  const [left, setLeft] = useState(retryInS ?? 0);
  useEffect(() => {
    if (!retry || !retryInS) return;
    setLeft(retryInS);
    const timer = setInterval(() => {
      setLeft((old) => {
        if (old > 1) return old - 1;
        retry();
        return retryInS;
      });
    }, 1000);
    return () => clearInterval(timer);
  }, [retry, retryInS]);
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <div className={classes.message} role="alert" style={{ minHeight: props.minHeight }}>
      <TriangleAlert size={20} aria-hidden className={classes.bad} />
      <p>{error instanceof Error ? error.message : "This could not be loaded."}</p>
      {works && <span className="dim">{works}</span>}
      <div className={classes.row}>
        {retry && (
          <Button variant="default" size="xs" onClick={retry}>
            Try again{retryInS ? ` (${left} s)` : ""}
          </Button>
        )}
        {id && (
          <Button variant="subtle" size="xs" onClick={() => void navigator.clipboard?.writeText(id)}>
            Copy request id {id.slice(0, 8)}
          </Button>
        )}
      </div>
    </div>
  );
}

/** The usual way from a query to a panel state. */
export function stateOf(
  query: {
    isPending: boolean;
    isError: boolean;
    error: unknown;
    data: unknown;
    refetch: () => unknown;
    isFetching?: boolean;
  },
  empty?: { when: boolean; why: string; action?: ReactNode },
): PanelState {
  if (query.isError && query.data === undefined)
    return { kind: "error", error: query.error, retry: () => void query.refetch(), retryInS: 15 };
  if (query.isPending) return { kind: "loading" };
  if (empty?.when) return { kind: "empty", why: empty.why, action: empty.action };
  return { kind: "ready" };
}
