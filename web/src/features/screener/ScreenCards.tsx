/** Ready screens and one's own, each with how many are in it now. */
import { Link } from "@tanstack/react-router";
import { useFormats } from "@/shared/format/use";
import classes from "./Screener.module.css";
import type { ScreenInfo } from "./types";

interface Props {
  screens: readonly ScreenInfo[];
  current: ScreenInfo | undefined;
  /** With a sentence each; else names and counts only. */
  isWordy: boolean;
}

export function ScreenCards({ screens, current, isWordy }: Props) {
  const saved = screens.filter((screen) => screen.kind === "saved");
  const ready = screens.filter((screen) => screen.kind === "template");
  return (
    <nav aria-label="Screens" className={isWordy ? classes.shelf : classes.side}>
      {saved.length > 0 && <Group title="Yours" screens={saved} current={current} isWordy={isWordy} />}
      <Group title="Ready to use" screens={ready} current={current} isWordy={isWordy} />
    </nav>
  );
}

function Group({ title, screens, current, isWordy }: Props & { title: string }) {
  return (
    <section>
      <h2 className={classes.groupName}>{title}</h2>
      <ul className={isWordy ? classes.cards : classes.names}>
        {screens.map((screen) => (
          <li key={screen.screen_id}>
            <Card screen={screen} isCurrent={screen === current} isWordy={isWordy} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Card({ screen, isCurrent, isWordy }: { screen: ScreenInfo; isCurrent: boolean; isWordy: boolean }) {
  const formats = useFormats();
  const count = screen.count === null ? "…" : formats.count(screen.count);
  return (
    <Link
      to="/screener"
      search={{ screen: screen.screen_id }}
      resetScroll={false}
      className={isWordy ? classes.card : classes.name}
      aria-current={isCurrent ? "true" : undefined}
    >
      <span className={classes.cardName}>{screen.name}</span>
      <span className={`${classes.cardCount} num`}>
        {count}
        {isWordy ? <small> now</small> : <span className="sr-only"> in it now</span>}
      </span>
      {isWordy && <span className={classes.cardWords}>{screen.description || screen.condition}</span>}
    </Link>
  );
}
