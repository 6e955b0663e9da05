/** Says what "undervalued" means here, in the words of the server that uses it. */
import { Button, Popover } from "@mantine/core";

export function Definition({ text }: { text: string }) {
  return (
    <Popover position="bottom-end" withinPortal width={360} trapFocus returnFocus>
      <Popover.Target>
        <Button variant="subtle" size="compact-xs">
          Definition
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Definition of undervalued" tabIndex={-1} data-autofocus>
        <p>{text}</p>
        <p className="dim">A filter on published figures, not advice.</p>
      </Popover.Dropdown>
    </Popover>
  );
}
