import { Button, type ButtonProps } from "@mantine/core";
import { Link } from "@tanstack/react-router";

/** A button that opens the page of a new alert. */
export function NewAlertLink(props: ButtonProps) {
  return (
    <Button
      variant="default"
      {...props}
      renderRoot={(rest) => <Link {...rest} to="/rules/new" search={{}} />}
    />
  );
}
