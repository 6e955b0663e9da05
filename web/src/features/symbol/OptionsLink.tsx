import { queryOptions, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, unwrap } from "@/shared/api/client";
import page from "@/shared/ui/page.module.css";

const chainsQuery = queryOptions({
  queryKey: ["options", "keys"],
  queryFn: async ({ signal }) =>
    (await unwrap(api.GET("/api/options", { signal }))).items.map((one) => one.underlying),
  staleTime: 60_000,
});

/** The way to an instrument's option chain, where it has one. */
export function OptionsLink({ instrument }: { instrument: string }) {
  const { data } = useQuery(chainsQuery);
  if (!data?.includes(instrument)) return null;
  return (
    <>
      {" · "}
      <Link to="/options/$underlying" params={{ underlying: instrument }} search={{}} className={page.link}>
        Option chain
      </Link>
    </>
  );
}
