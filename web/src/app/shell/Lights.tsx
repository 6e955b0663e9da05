/** Three lights with words: browser to server, server to feeds, evaluator. Each can fail alone. */
import { Popover } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useLights } from "@/shared/live/lights";
import classes from "./Lights.module.css";

export function Lights() {
  const lights = useLights();
  const worst = lights.find((light) => light.tone === "bad") ?? lights.find((light) => light.tone === "warn");
  const summary = worst ? `${worst.name}: ${worst.words}` : "All connected";
  return (
    <Popover position="bottom-end" withinPortal width={320} trapFocus returnFocus>
      <Popover.Target>
        <button
          type="button"
          className={classes.lights}
          aria-label={`${worst ? worst.short : "Live"}. Connections: ${summary}`}
        >
          {lights.map((light) => (
            <i key={light.name} className={classes[light.tone]} />
          ))}
          <span>{worst ? worst.short : "Live"}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Connections">
        <ul className={classes.list}>
          {lights.map((light) => (
            <li key={light.name}>
              <i className={classes[light.tone]} />
              <span>
                <b>{light.name}</b> {light.words}
              </span>
            </li>
          ))}
        </ul>
        <Link to="/health" className={classes.more}>
          Open data health
        </Link>
      </Popover.Dropdown>
    </Popover>
  );
}
