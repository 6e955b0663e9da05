import { Link } from "@tanstack/react-router";
import classes from "./Shell.module.css";

export function NotFound() {
  return (
    <div className={classes.notFound}>
      <h1>There is no page at this address</h1>
      <p className="dim">
        Go to the <Link to="/">overview</Link>, or press <kbd>/</kbd> and type a symbol.
      </p>
    </div>
  );
}
