/** Providers, and the one decision at the door: is somebody in? */
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider, useQuery } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect } from "react";
import { ApiError } from "@/shared/api/client";
import { queryClient, sessionQuery } from "@/shared/api/queries";
import { setExchangeZone } from "@/shared/format/use";
import { usePrefs } from "@/shared/prefs/prefs";
import { startLive } from "./live";
import { router } from "./router";
import { Door } from "./shell/Door";
import { theme, variables } from "./theme";

export function App() {
  const chosen = usePrefs((prefs) => prefs.theme);
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={variables}
      defaultColorScheme="auto"
      {...(chosen !== "system" && { forceColorScheme: chosen })}
    >
      <QueryClientProvider client={queryClient}>
        <LookOfRoot />
        <Notifications position="bottom-right" limit={3} />
        <Entrance />
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Palette, density and motion are attributes of the page, so that CSS alone decides. */
function LookOfRoot() {
  const { palette, density, motion } = usePrefs();
  useEffect(() => {
    Object.assign(document.documentElement.dataset, { palette, density, motion });
  }, [palette, density, motion]);
  return null;
}

function Entrance() {
  const session = useQuery(sessionQuery);
  const shut = session.error instanceof ApiError && [401, 403].includes(session.error.status);
  // Who came in stays in while the server is away: only its own refusal ends a session.
  const entered = session.data !== undefined && !shut;
  useEffect(() => {
    if (!entered) return;
    return startLive();
  }, [entered]);
  if (session.data?.zone) setExchangeZone(session.data.zone);
  if (entered) return <RouterProvider router={router} />;
  if (session.isError)
    return <Door reason={shut ? "signed-out" : "unreachable"} onRetry={() => void session.refetch()} />;
  return <Door reason="opening" onRetry={() => {}} />;
}
