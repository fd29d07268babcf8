(ns differential.generate
  "Writes random expressions, one a line, by the rules of a grammar: the same for the same seed, in Sluice and in Clojure.

  Started with the file of the grammar, the file to write, how many expressions and a seed. README.md explains the grammar."
  (:require [clojure.string :as str]))

;; Chance

(def state "Of Lehmer's generator; between 1 and 2147483646." (volatile! 1))

(defn draw
  "A number from 0 to n - 1."
  [n]
  (mod (quot (vswap! state (fn [s] (mod (* s 48271) 2147483647))) 7) n))

(defn pick [xs] (nth xs (draw (count xs))))

(defn one-in "True once in n times." [n] (zero? (draw n)))

;; The grammar

(defn words
  "The pieces of a text between spaces that stand outside of brackets and strings."
  [text]
  (loop [chars (seq text), depth 0, quoted false, word "", found []]
    (let [[c after] chars
          longer (str word c)]
      (cond
        (nil? c) (if (= word "") found (conj found word))
        (= c \\) (recur (nnext chars) depth quoted (str longer after) found)
        (= c \") (recur (next chars) depth (not quoted) longer found)
        quoted (recur (next chars) depth true longer found)
        (and (= c \space) (zero? depth)) (recur (next chars) 0 false "" (if (= word "") found (conj found word)))
        :else (recur (next chars)
                     (cond (#{\( \[ \{} c) (inc depth) (#{\) \] \}} c) (dec depth) :else depth)
                     false longer found)))))

(defn piece
  "A piece of a template: text as it is, [:hole kind how-many], [:name letter] or
  [:visible letter kind]."
  [text]
  (let [[_ hole many] (re-matches #"\?([a-z][a-z0-9-]*)([*+]?)" text)
        [_ named] (re-matches #"\$([A-Za-z])" text)
        [_ visible kind] (re-matches #"@([a-z]):([a-z0-9-]+)" text)]
    (cond hole [:hole hole many] named [:name named] visible [:visible visible kind] :else text)))

(defn template [text]
  (mapv piece (re-seq #"\?[a-z][a-z0-9-]*[*+]?|\$[A-Za-z]|@[a-z]:[a-z0-9-]+|[^?$@]+|[?$@]" text)))

(defn add-line
  "The grammar with one more line: `kind = constants`, `kind < kinds` or `kind template`."
  [grammar line]
  (let [[kind sign text] (str/split line #" " 3)]
    (case sign
      "=" (update-in grammar [kind :constants] (fnil into []) (words text))
      "<" (update-in grammar [kind :kinds] (fnil into []) (words text))
      (update-in grammar [kind :templates] (fnil conj []) (template (subs line (inc (count kind))))))))

(defn grammar-of [text]
  (reduce add-line {} (remove (fn [line] (or (str/blank? line) (str/starts-with? line ";"))) (str/split-lines text))))

;; Expressions

(declare expression)

(def counter "Numbers the names of an expression." (volatile! 0))

(defn constant
  "A value of a kind that needs no further expressions."
  [grammar kind]
  (let [{:keys [constants kinds]} (grammar kind)]
    (cond
      (and constants (or (nil? kinds) (one-in 2))) (pick constants)
      kinds (recur grammar (pick kinds))
      :else (throw (ex-info (str "nothing of the kind " kind " ends") {})))))

(defn fits?
  "Whether a value of one kind may stand for another."
  [grammar wanted kind]
  (or (= wanted kind) (boolean (some (fn [k] (fits? grammar k kind)) (:kinds (grammar wanted))))))

(defn filling
  "The text of a hole: usually what it asks for, now and then another kind of value."
  [grammar kind depth locals]
  (if (and (= kind "small") (one-in 30))
    (constant grammar "wrong")
    (if (and (#{"num" "str" "vec" "map" "set" "seqable" "finite" "ints" "fint" "f1" "f2" "coll" "kw" "pairs"} kind) (one-in 40))
      (constant grammar "wrong")
      (expression grammar kind depth locals))))

(defn copies [many]
  (case many "*" (draw 4) "+" (inc (draw 3)) (cond (one-in 150) 0 (one-in 150) 2 :else 1)))

(defn instance
  "A template with its holes filled."
  [grammar pieces depth locals]
  (let [defines (and (string? (first pieces)) (str/starts-with? (first pieces) "(do (de"))]
    (loop [pieces pieces, names {}, locals locals, done []]
      (if-let [[piece & more] (seq pieces)]
        (if (string? piece)
          (recur more names locals (conj done piece))
          (let [[what a b] piece]
            (case what
              :hole (recur more names locals
                           (conj done (str/join " " (repeatedly (copies b) #(filling grammar a (dec depth) locals)))))
              :name (let [name (or (names a) (str a (if defines "x" "") (vswap! counter inc)))]
                      (recur more (assoc names a name) locals (conj done name)))
              :visible (recur more names (conj (remove (fn [[_ name]] (= name (names a))) locals) [b (names a)]) done))))
        (apply str done)))))

(defn expression
  "A random expression of a kind; `locals` are pairs of a kind and a name that may be used."
  [grammar kind depth locals]
  (let [{:keys [templates kinds]} (grammar kind)
        usable (filterv (fn [[k]] (fits? grammar kind k)) locals)]
    (cond
      (nil? (grammar kind)) (throw (ex-info (str "the grammar has no kind " kind) {}))
      (and (seq usable) (one-in 3)) (second (pick usable))
      (or (<= depth 0) (one-in 4)) (constant grammar kind)
      (and kinds (or (nil? templates) (one-in 3))) (recur grammar (pick kinds) depth locals)
      templates (instance grammar (pick templates) depth locals)
      :else (constant grammar kind))))

(defn expressions
  "Distinct expressions; each template in turn is the outermost."
  [grammar how-many]
  (let [outermost (vec (mapcat (fn [[_ {:keys [templates]}]] templates) (sort-by key grammar)))]
    (loop [n 0, seen #{}, found []]
      (if (< (count found) how-many)
        (let [text (do (vreset! counter (* 100 n)) (instance grammar (nth outermost (mod n (count outermost))) (inc (draw 3)) []))]
          (if (seen text)
            (recur (inc n) seen found)
            (recur (inc n) (conj seen text) (conj found text))))
        found))))

(let [[grammar-file file how-many seed] *command-line-args*]
  (vreset! state (inc (mod (* 7919 (parse-long seed)) 2147483646)))
  (dotimes [_ 10] (draw 2))
  (spit file (str (str/join "\n" (expressions (grammar-of (slurp grammar-file)) (parse-long how-many))) "\n")))
