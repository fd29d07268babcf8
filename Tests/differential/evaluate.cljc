(ns differential.evaluate
  "Evaluates the expressions of a file, one a line, and writes one line for each: its value in canonical form, or its exception.
  Sluice and Clojure both run this file, so whatever it uses must mean the same in both.

  Started with the file of expressions and the file of results; writing is done in pieces, since scripts have no streams."
  (:require [clojure.string :as str]))

(def limit-ms "How long an expression may take." 3000)

;; Values in canonical form: what has no order is sorted, what has no end is cut off.

(declare canonical)

(def width "How many elements of a collection are looked at." 60)

(defn- elements
  "The canonical forms of the first elements of a sequence."
  [depth xs]
  (let [shown (mapv (fn [x] (canonical depth x)) (take width xs))]
    (if (seq (drop width xs)) (conj shown "...") shown)))

(defn- entries
  "The canonical forms of the entries of a map."
  [depth m]
  (map (fn [[k v]] (str (canonical depth k) " " (canonical depth v))) (take width m)))

(defn- between [open xs close] (str open (str/join " " xs) close))

(defn- meta-text
  "The metadata of a value but for places in the source."
  [depth x]
  (if-let [m (and (or (coll? x) (symbol? x))
                  (not-empty (dissoc (into {} (meta x)) :line :column :end-line :end-column :file)))]
    (str "^" (canonical depth m) " ")
    ""))

(defn- collection [depth x]
  (cond
    (record? x) (between (str "#" (first (str/split (pr-str x) #"\{")) "{") (sort (entries depth x)) "}")
    (map? x) (if (sorted? x)
               (between "#sorted{" (entries depth x) "}")
               (between "{" (sort (entries depth x)) "}"))
    (set? x) (if (sorted? x)
               (between "#sorted#{" (elements depth x) "}")
               (between "#{" (sort (elements depth x)) "}"))
    (vector? x) (between "[" (elements depth x) "]")
    :else (between "(" (elements depth x) ")")))

(defn- exception-text [depth e]
  (if-let [data (ex-data e)]
    (str "ExceptionInfo " (pr-str (ex-message e)) " " (canonical depth data)
         (if-let [cause (ex-cause e)] (str " <- " (exception-text depth cause)) ""))
    (last (str/split (str (class e)) #"[. ]"))))

(defn- number-text
  "A number as it prints, but for the host's small and big integers, which Sluice does not tell apart."
  [x]
  (if (integer? x)
    (if (<= -9223372036854775808 x 9223372036854775807)
      (str x (if (re-find #"Big" (str (class x))) "N" ""))
      (str x "N"))
    (pr-str x)))

(defn canonical
  "The text of a value: equal for what should be equal, different for what programs can tell apart."
  ([x] (canonical 0 x))
  ([depth x]
   (let [deeper (inc depth)]
     (cond
       (> depth 12) "deep"
       (nil? x) "nil"
       (number? x) (number-text x)
       (or (string? x) (keyword? x) (char? x) (boolean? x)) (pr-str x)
       (symbol? x) (str (meta-text deeper x) (pr-str x))
       (reduced? x) (str "#reduced[" (canonical deeper @x) "]")
       (and (sequential? x) (not (coll? x))) (collection deeper x)
       (coll? x) (str (meta-text deeper x) (collection deeper x))
       (var? x) (pr-str x)
       (fn? x) "#fn"
       (class? x) (str "#class " (last (str/split (str x) #"[. ]")))
       (instance? Throwable x) (str "#error[" (exception-text deeper x) "]")
       (delay? x) "#delay"
       (future? x) "#future"
       (instance? clojure.lang.IAtom x) (str "#atom[" (canonical deeper @x) "]")
       (volatile? x) (str "#volatile[" (canonical deeper @x) "]")
       (instance? clojure.lang.Ref x) (str "#ref[" (canonical deeper @x) "]")
       (or (uuid? x) (inst? x) (tagged-literal? x)) (pr-str x)
       (instance? java.util.regex.Pattern x) (str "#regex" (pr-str (str x)))
       (seqable? x) (between "#seqable[" (elements deeper x) "]")
       :else "#object"))))

;; Evaluation

(defn- exception-of
  "The exception behind those that a compiler or a thread wraps around it."
  [e]
  (let [cause (ex-cause e)]
    (if (and cause (re-find #"CompilerException|ExecutionException|CompilerError" (str (class e))))
      (recur cause)
      e)))

(defn evaluated
  "One line: the canonical value of an expression after what it printed, if anything, or its exception."
  [text]
  (try
    (let [value (volatile! nil)
          printed (with-out-str
                    (vreset! value (binding [*ns* (the-ns 'user)] (canonical (eval (read-string text))))))]
      (str (if (= printed "") "" (str (pr-str printed) " then ")) @value))
    (catch Throwable e
      (str "throws " (try
                       (exception-text 0 (exception-of e))
                       (catch Throwable _ "an exception whose data throws as well"))))))

(defn- within-limit
  "What a function returns, or `timeout` when it takes too long; then it is stopped, which a thread of Java's has to be
  forced to."
  [f]
  #?(:clj (let [result (promise)
                work (doto (Thread. ^Runnable (bound-fn [] (deliver result (f)))) (.setDaemon true) (.start))
                line (deref result limit-ms "timeout")]
            (when (.isAlive work) (.stop work))
            line)
     :default (let [work (future (f))
                    line (deref work limit-ms "timeout")]
                (future-cancel work)
                line)))

(defn outcome
  "The line of an expression, with numbers of generated names left out."
  [text]
  (-> (within-limit (fn [] (evaluated text)))
      (str/replace #"__\d+" "__")
      (str/replace #"\s*\n\s*" " ")))

(def prelude
  "What the expressions use and neither language has."
  '[(require '[clojure.string] '[clojure.set] '[clojure.walk] '[clojure.edn] '[clojure.data] '[clojure.pprint]
             '[clojure.math])
    (defrecord Point [x y])
    (defrecord Other [x y])
    (deftype Opaque [x])
    (defprotocol Shape (area [s]) (scaled [s k] [s k l]))
    (extend-protocol Shape
      Point (area [s] (* (:x s) (:y s))) (scaled ([s k] (update s :x * k)) ([s k l] [s k l]))
      Long (area [s] s) (scaled ([s k] (* s k)) ([s k l] (* s k l)))
      String (area [s] (count s)) (scaled ([s k] (apply str (repeat k s))) ([s k l] [s k l]))
      nil (area [_] 0) (scaled ([_ k] k) ([_ k l] [k l])))
    (def ^:dynamic *level* 0)
    (defmulti describe (fn [x & _] (cond (map? x) (:kind x) (number? x) :number :else (class x))))
    (defmethod describe :number [x & more] [:number x more])
    (defmethod describe :a [x & more] [:a (:x x) more])
    (defmethod describe String [x & _] (str "string " x))
    (defmethod describe :default [x & more] [:default x more])
    (defn noisy "Tells a log of each call." [log f] (fn [& args] (swap! log conj (vec args)) (apply f args)))
    (defmacro twice [x] `(let [y# ~x] [y# y#]))
    (defmacro unless [test & body] `(if ~test nil (do ~@body)))])

(let [[expressions results] *command-line-args*]
  (binding [*ns* (the-ns 'user)]
    (refer 'clojure.core)
    (run! eval prelude))
  (spit results "")
  (doseq [lines (partition-all 500 (str/split-lines (slurp expressions)))]
    (spit results (apply str (map (fn [text] (str (outcome text) "\n")) lines)) :append true))
  (System/exit 0))
