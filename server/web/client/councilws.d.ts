/** One event of a request, as it was published. */
export interface CouncilEvent<Data = any> {
  type: string;
  timestamp: string;
  /** 1, 2, 3 … within a request, without a hole. */
  message_id: number;
  data: Data;
}

/** What was asked for is gone. It comes in its place among the events. */
export interface CouncilGap {
  type: "gap";
  timestamp: string;
  /** `to` is null, and the events begin again at 1, where the request was deleted or expired and then began anew (`epoch`). */
  data: { from: number; to: number | null; reason: "expired" | "epoch"; epoch?: string };
}

export type CouncilState = "connecting" | "replaying" | "live" | "waiting" | "offline" | "closed";

export interface CouncilStateDetail {
  transport?: "websocket" | "sse";
  /** waiting, offline: until the next attempt; absent while a connection may have outlived the network. */
  retryInMs?: number;
  reason?: string;
  /** closed: why it ended for good; absent after close(). */
  error?: Error;
}

export interface FollowOptions {
  /** The hub, "https://hub.example"; in a page its own origin by default. */
  url?: string;
  /** Never put in a URL. Give this, or getToken, or both. */
  token?: string;
  /** Asked when there is no token, and with refresh true when it is over or refused. While it fails it is asked again, later and later. */
  getToken?: (wish: { refresh: boolean }) => string | Promise<string>;
  /** Begin behind this message_id … */
  after?: number;
  /** … of this epoch: see Follow.position. */
  epoch?: string;
  /** Where to begin otherwise; by default behind what this subscriber has acknowledged. */
  from?: "start" | "new" | "acked";
  /** Keeps an acknowledged position apart from that of the token's user. */
  subscriber?: string;
  /** Called with one event after the other; the next waits for the promise of the last. What it throws ends the follow. */
  onEvent?: (event: CouncilEvent, follow: Follow) => unknown;
  /** Without it gaps go to onEvent, or to the loop, like events. */
  onGap?: (gap: CouncilGap, follow: Follow) => unknown;
  onState?: (state: CouncilState, detail: CouncilStateDetail) => void;
  /** Whether an event is acknowledged once its handler is done; true by default. Event streams (SSE) cannot. */
  ack?: boolean;
  /** auto: WebSocket, and SSE where there is none or it does not get through. */
  transport?: "auto" | "websocket" | "sse";
  /**
   * Reads a message of the hub; JSON.parse by default, which rounds integers beyond 2^53. message_id has to stay a number. What it throws ends
   * the follow.
   */
  parse?: (text: string) => any;
  signal?: AbortSignal;
  /** A class like a browser's, for Node before 22: the package ws has one. */
  WebSocket?: new (url: string, protocols: string[]) => any;
  fetch?: typeof fetch;
}

/** Why a follow has ended for good. */
export class CouncilError extends Error {
  /** A close code of the hub (4510: the request was deleted), or an error's name ("forbidden"). */
  code: number | string;
}

/**
 * One request, followed over as many connections as it takes. With onEvent it runs by itself; without, loop over it:
 * the event is acknowledged when the loop asks for the next one, so the one at which the loop is left is not.
 */
export class Follow implements AsyncIterable<CouncilEvent> {
  readonly requestId: string;
  readonly state: CouncilState | "new";
  /** Behind what was handled: `after` and `epoch` for another time. */
  readonly position: { after: number; epoch: string | undefined };
  /** Resolves after close(), rejects with a CouncilError, or what the handler threw. */
  readonly closed: Promise<void>;
  close(): void;
  [Symbol.asyncIterator](): AsyncIterator<CouncilEvent, void, void>;
}

export function follow(requestId: string, options: FollowOptions): Follow;
