// The module's types, which are its packages' own; for .ci/page, and not served.
export { Component, h, html, render } from "htm/preact";
export { createContext } from "preact";
export {
  useCallback, useContext, useDebugValue, useEffect, useErrorBoundary, useImperativeHandle, useLayoutEffect, useMemo, useReducer, useRef,
  useState,
} from "preact/hooks";
