/** The end of a list that goes on: the next page at a click. */
import { Button } from "@mantine/core";
import page from "./page.module.css";

interface Props {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}

export function Older({ query }: Props) {
  if (!query.hasNextPage) return null;
  return (
    <div className={page.older}>
      <Button
        variant="default"
        size="xs"
        loading={query.isFetchingNextPage}
        onClick={() => void query.fetchNextPage()}
      >
        Load older ones
      </Button>
    </div>
  );
}
