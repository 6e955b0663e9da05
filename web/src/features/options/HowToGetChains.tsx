import classes from "./options.module.css";

/** What to do where there is no chain: three ways, each with its command. */
export function HowToGetChains() {
  return (
    <dl className={classes.howTo}>
      <div>
        <dt>Look around with a made-up market</dt>
        <dd>
          <code>marketbell up --feed demo</code>
        </dd>
      </div>
      <div>
        <dt>Replay recorded chains</dt>
        <dd>
          <code>marketbell up --feed replay:chains.parquet</code>
        </dd>
      </div>
      <div>
        <dt>Send your own</dt>
        <dd>
          <code>POST /ingest/chains</code>
        </dd>
      </div>
    </dl>
  );
}
