"""Who enters, leaves and changes, of many screens at once."""

from numba import njit

# ruff: noqa: ANN001, ANN201 — kernels are typed by Numba
# mypy: disable-error-code="no-untyped-def,misc"

ENTER, LEAVE, UPDATE = 0, 1, 2


@njit(cache=True, error_model="numpy")
def settle(truth, leave_of, rows, scope, members, changed, begins, columns, out):  # noqa: C901
    """Let rows enter and leave; gives how many lines (screen, row, what) stand in `out`, -1 where it is too short.

    `truth` [slots, rows given]: the first are the screens', the others what their members leave at: `leave_of` is the
    slot of that, -1 for none. `scope` and `members` are [screens, rows]. `changed` [columns, rows given] says what
    moved; screen s shows the columns `columns[begins[s]:begins[s + 1]]`. Nothing is kept where `out` is too short.
    """
    count = 0
    for s in range(len(scope)):
        own = truth[s]
        for n in range(len(rows)):
            r = rows[n]
            was = members[s, r]
            now = scope[s, r] and own[n] == 1.0
            if leave_of[s] >= 0 and scope[s, r]:
                away = truth[leave_of[s], n]
                now = away == 0.0 if was else (now and away != 1.0)
            if now != was:
                if count == len(out):
                    return -1
                out[count, 0] = s
                out[count, 1] = r
                out[count, 2] = ENTER if now else LEAVE
                count += 1
            elif now:
                for c in range(begins[s], begins[s + 1]):
                    if changed[columns[c], n]:
                        if count == len(out):
                            return -1
                        out[count, 0] = s
                        out[count, 1] = r
                        out[count, 2] = UPDATE
                        count += 1
                        break
    for n in range(count):
        if out[n, 2] != UPDATE:
            members[out[n, 0], out[n, 1]] = out[n, 2] == ENTER
    return count
