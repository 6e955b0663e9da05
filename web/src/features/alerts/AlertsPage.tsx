/** What fired, and the rules behind it. */
import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { BellPlus, CheckCheck } from "lucide-react";
import { alertsQuery, useReadAlerts } from "@/shared/api/queries";
import page from "@/shared/ui/page.module.css";
import classes from "./AlertsPage.module.css";
import { Inbox } from "./Inbox";
import { NewAlertLink } from "./NewAlertLink";
import { RulesPanel } from "./RulesPanel";

export function AlertsPage() {
  const search = useSearch({ from: "/alerts" });
  const navigate = useNavigate();
  const show = search.show ?? "all";
  const alerts = useQuery(alertsQuery);
  const read = useReadAlerts();
  const newest = alerts.data?.items.reduce<string | null>(
    (most, alert) => (alert.recorded_at && (!most || alert.recorded_at > most) ? alert.recorded_at : most),
    null,
  );
  return (
    <>
      <div className={page.headline}>
        <div>
          <h1>Alerts</h1>
          <p>{words(alerts.data?.unread)}</p>
        </div>
        <div className={classes.actions}>
          <SegmentedControl
            aria-label="Which alerts"
            data={[
              { value: "all", label: "Inbox" },
              { value: "unread", label: "Unread" },
              { value: "rules", label: "Rules" },
            ]}
            value={show}
            onChange={(value) =>
              void navigate({
                to: "/alerts",
                search: (old) => ({
                  ...old,
                  show: value === "all" ? undefined : (value as "unread" | "rules"),
                }),
              })
            }
          />
          <Button
            variant="default"
            leftSection={<CheckCheck size={16} aria-hidden />}
            disabled={!newest || !alerts.data?.unread}
            loading={read.isPending}
            onClick={() => newest && read.mutate(newest)}
          >
            Mark all read
          </Button>
          <NewAlertLink variant="filled" leftSection={<BellPlus size={16} aria-hidden />}>
            New alert
          </NewAlertLink>
        </div>
      </div>
      {show === "rules" ? <RulesPanel /> : <Inbox />}
    </>
  );
}

function words(unread: number | undefined): string {
  if (unread === undefined) return "";
  return unread === 0 ? "Nothing unread." : `${unread} unread.`;
}
