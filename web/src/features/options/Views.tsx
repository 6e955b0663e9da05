/** What do you expect? Three examples for each view, none of which can lose more than it says. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ArrowUpDown, MoveRight, TrendingDown, TrendingUp } from "lucide-react";
import { useFormats } from "@/shared/format/use";
import { Panel, stateOf } from "@/shared/ui/Panel";
import { payoffQuery, strategiesQuery } from "./api";
import { useCash } from "./cash";
import { legWords, sameLegs } from "./legs";
import classes from "./options.module.css";
import { PayoffPicture } from "./PayoffPicture";
import { breakEvenWords, mostWords } from "./payoff";
import type { Strategy, View } from "./types";
import type { Options } from "./useOptions";
import { VIEWS } from "./words";

const ICONS = { up: TrendingUp, down: TrendingDown, flat: MoveRight, big_move: ArrowUpDown } as const;

export function Views({ options }: { options: Options }) {
  const { outlook = "up", go, symbol } = options;
  return (
    <section className={classes.views} aria-label="What do you expect?">
      <h2>
        What do you expect of {symbol} <span className="dim">until the expiry?</span>
      </h2>
      {/* biome-ignore lint/a11y/useSemanticElements: four large buttons are no fieldset */}
      <div className={classes.viewButtons} role="group" aria-label="Your view">
        {VIEWS.map((one) => {
          const Icon = ICONS[one.value];
          return (
            <button
              key={one.value}
              type="button"
              className={classes.view}
              aria-pressed={one.value === outlook}
              onClick={() => go({ outlook: one.value })}
            >
              <Icon size={20} aria-hidden />
              <span>
                <b>{one.label}</b>
                <small>{one.means}</small>
              </span>
            </button>
          );
        })}
      </div>
      <Examples options={options} view={outlook} />
    </section>
  );
}

function Examples({ options, view }: { options: Options; view: View }) {
  const { underlying, expiry, asOf } = options;
  const query = useQuery(strategiesQuery(underlying, expiry, view, asOf));
  const items = query.data?.items ?? [];
  const state = stateOf(query, {
    when: items.length === 0,
    why: `No example can be made: ${query.data?.why ?? "too few strikes have a price"}.`,
  });
  if (state.kind !== "ready") return <Panel title="Three examples" state={state} height={300} />;
  return (
    <>
      <div className={classes.cards}>
        {items.slice(0, 3).map((one) => (
          <Example key={one.name} options={options} strategy={one} />
        ))}
      </div>
      {query.data?.why && <p className={classes.small}>Not three: {query.data.why}.</p>}
    </>
  );
}

function Example({ options, strategy }: { options: Options; strategy: Strategy }) {
  const { underlying, expiry, asOf, chain, legs, setLegs } = options;
  const formats = useFormats();
  const cash = useCash(underlying);
  const payoff = useQuery(
    payoffQuery({ underlying, expiry, as_of: asOf, legs: strategy.legs, what_if: null }),
  );
  const isChosen = sameLegs(legs, strategy.legs);
  const spot = chain?.spot ?? null;
  const choose = () => {
    setLegs(strategy.legs);
    requestAnimationFrame(() => document.getElementById("payoff")?.scrollIntoView({ block: "nearest" }));
  };
  return (
    <article className={classes.card} data-chosen={isChosen || undefined} aria-label={strategy.title}>
      <h3>{strategy.title}</h3>
      <p className="dim">{strategy.text}</p>
      {/* What it looks like stands in words below it. */}
      <div className={classes.picture}>
        {payoff.data && <PayoffPicture points={payoff.data.points} spot={spot} />}
      </div>
      <ul className={classes.legWords}>
        {strategy.legs.map((leg, index) => (
          <li key={index}>{legWords(leg, formats.count, true)}</li>
        ))}
      </ul>
      <dl className={classes.outcome}>
        <div>
          <dt>Most you can lose</dt>
          <dd className="down num">{mostWords(strategy.max_loss, false, cash.plain)}</dd>
        </div>
        <div>
          <dt>Most you can gain</dt>
          <dd className="up num">
            {mostWords(strategy.max_profit, strategy.max_profit === null, cash.plain)}
          </dd>
        </div>
        <div className={classes.wideRow}>
          <dt>You break even</dt>
          <dd>{breakEvenWords(strategy.break_evens, spot, formats)}</dd>
        </div>
        {strategy.probability_of_profit !== null && (
          <div className={classes.wideRow}>
            <dt>Chance of a gain, by the option prices</dt>
            <dd className="num">
              {formats.percent(strategy.probability_of_profit, { sign: false, digits: 0 })}
            </dd>
          </div>
        )}
      </dl>
      <Button variant={isChosen ? "filled" : "default"} size="xs" onClick={choose} aria-pressed={isChosen}>
        {isChosen ? "Shown below" : "Look closer"}
      </Button>
    </article>
  );
}
