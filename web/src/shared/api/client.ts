/** One typed way to the server: its own document checks every path and body; errors keep their code and id. */
import createClient from "openapi-fetch";
import type { paths } from "./schema";

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: Record<string, unknown>;
  readonly requestId: string | null;

  constructor(
    status: number,
    code: string,
    message: string,
    fields: Record<string, unknown> = {},
    requestId: string | null = null,
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.fields = fields;
    this.requestId = requestId;
  }
}

/** `randomUUID` exists on https and localhost only; a page on a plain LAN address needs its like. */
function freshKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const api = createClient<paths>({ baseUrl: globalThis.location?.origin ?? "" });

api.use({
  // A POST that is sent twice (a lost answer, a second click) has one effect.
  onRequest({ request }) {
    if (request.method === "POST") request.headers.set("Idempotency-Key", freshKey());
    return request;
  },
  onError({ error }) {
    if (error instanceof DOMException && error.name === "AbortError") return undefined;
    return new ApiError(0, "unreachable", "The Marketbell server does not answer.");
  },
});

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The data of an answer; everything else is thrown as an ApiError. */
export async function unwrap<T>(asked: Promise<Answer<T>>): Promise<T> {
  const { data, error, response } = await asked;
  if (response.ok) return data as T;
  const said = (error ?? {}) as Partial<{
    code: string;
    message: string;
    fields: Record<string, unknown>;
    request_id: string;
  }>;
  throw new ApiError(
    response.status,
    said.code ?? `http_${response.status}`,
    said.message ?? `The server answered ${response.status}.`,
    said.fields ?? {},
    said.request_id ?? response.headers.get("X-Request-Id"),
  );
}
