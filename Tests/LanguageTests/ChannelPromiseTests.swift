import Sluice
import Testing

/// What core.async's own tests promise (D26), in other words: only what ``ChannelLibraryTests`` does not say already. A failure
/// that a case expects is reported by the fiber it ends, and the channel of that fiber closes.
@Suite struct ChannelPromiseTests {
    private static let prelude = """
        (ns cases (:require [clojure.core.async :as a :refer [<! go alts!]]))
        (defn all [c] (a/<! (a/into [] c)))
        (defn filled [& values] (a/to-chan! values))
        (defn later [v] (a/<! (a/timeout 1)) v)
        (def ^:dynamic *guest* :nobody)
        (defprotocol Roomy (room [place]))
        (defrecord Hall [seats] Roomy (room [place] (a/go (loop [i 0] (if (= i 3) [seats (:seats place)] (recur (inc i)))))))
        """

    static let tables = [
        LibraryCases(
            name: "buffers", prelude: prelude,
            text: """
                (let [c (a/chan (a/buffer 2))] (mapv (fn [step] (step)) [#(a/offer! c :p) #(a/offer! c :q) #(a/offer! c :r) #(a/poll! c) #(a/offer! c :s) #(a/poll! c) #(a/poll! c) #(a/poll! c)])) ;=> [true true nil :p true :q :s nil]
                (let [c (a/chan (a/dropping-buffer 2))] [(mapv #(a/offer! c %) [:p :q :r]) (a/poll! c) (a/offer! c :s) (a/poll! c) (a/poll! c) (a/poll! c)]) ;=> [[true true true] :p true :q :s nil]
                (let [c (a/chan (a/sliding-buffer 2))] [(mapv #(a/offer! c %) [:p :q :r]) (a/poll! c) (a/offer! c :s) (a/poll! c) (a/poll! c) (a/poll! c)]) ;=> [[true true true] :q true :r :s nil]
                (let [p (a/promise-chan)] [(a/poll! p) (mapv #(a/offer! p %) [:p :q :r]) (a/poll! p) (a/poll! p)]) ;=> [nil [true true true] :p :p]
                (let [p (a/promise-chan)] (a/offer! p :kept) [(a/poll! p) (a/close! p) (a/poll! p) (a/poll! p)]) ;=> [:kept nil :kept :kept]
                """),
        // A choice that is bound to two names makes no pair: what it gives must be the same.
        LibraryCases(
            name: "choices bound to two names", prelude: prelude,
            text: """
                (let [a (filled 1) [v c] (alts! [a])] [v (= c a)]) ;=> [1 true]
                (let [a (filled 1) [v _] (alts! [a])] v) ;=> 1
                (let [a (filled 1) [_ c] (alts! [a])] (= c a)) ;=> true
                (let [a (filled 1 2) [_ _] (alts! [a])] (<! a)) ;=> 2
                (let [a (filled 1) [v v] (alts! [a])] (= v a)) ;=> true
                (let [a (filled [1 2]) [[x y] c] (alts! [a])] [x y (= c a)]) ;=> [1 2 true]
                (let [a (filled 1) [v :as both] (alts! [a])] (= both [v a])) ;=> true
                (let [a (a/chan)] (a/close! a) (let [[v c] (alts! [a])] [v (= c a)])) ;=> [nil true]
                (let [a (a/chan 1) [ok c] (alts! [[a :v]])] [ok (= c a) (a/poll! a)]) ;=> [true true :v]
                (let [a (filled 1) [v c] (alts! (list a))] [v (= c a)]) ;=> [1 true]
                (let [t (a/timeout 1) [v c] (alts! [(a/chan) t])] [v (= c t)]) ;=> [nil true]
                (let [a (a/chan) b (a/chan) both [a b] _ (go (later 0) (a/>! b :late)) [v c] (alts! both)] [v (= c b) (count both)]) ;=> [:late true 2]
                (let [a (a/chan) both [a (a/chan)] _ (go (later 0) (a/>! a :late)) [v _] (alts! both)] [v (count both)]) ;=> [:late 2]
                (let [a (a/chan) b (a/chan) both [a b]] (go (a/>! a 1) (a/>! b 2) (a/>! a 3)) (loop [n 0 seen []] (if (= n 3) (sort seen) (let [[v c] (alts! both)] (recur (inc n) (conj seen [v (if (= c a) :a :b)])))))) ;=> [[1 :a] [2 :b] [3 :a]]
                (let [many (vec (repeatedly 40 a/chan))] (a/put! (many 33) :far) (let [[v c] (alts! many)] [v (= c (many 33))])) ;=> [:far true]
                (let [a (a/chan 1 (map inc))] (a/>! a 1) (let [[v c] (alts! [a])] [v (= c a)])) ;=> [2 true]
                (let [a (a/chan 1 (map inc)) [ok c] (alts! [[a 1]])] [ok (= c a) (<! a)]) ;=> [true true 2]
                (let [heard (atom []) a (a/chan) both [a (a/chan)]] (try (go (later 0) (a/close! a)) (let [[v c] (alts! both)] (swap! heard conj v (= c a)) (throw (ex-info "left" {}))) (catch Exception e (swap! heard conj (ex-message e))) (finally (swap! heard conj :done))) @heard) ;=> [nil true "left" :done]
                (let [[v c] (alts! [(a/chan) :no])] v) ;=!> expected a channel
                (let [[v c] (alts! [])] v) ;=!> at least one channel
                (let [[v c] (alts! nil)] v) ;=!> at least one channel
                (do (defmacro waiting [] (let [both [(a/chan)] [v c] (alts! both)] [v both])) (eval '(waiting))) ;=!> cannot wait here
                (let [[v c] (a/<! (go (let [both [(a/chan) (filled :x)] [v c] (alts! both)] [v (= c (both 1))])))] [v c]) ;=> [:x true]
                """),
        // What a go block closes over is given to its fiber as arguments, where that says the same.
        LibraryCases(
            name: "what go blocks close over", prelude: prelude,
            text: """
                (let [a 1 b [2]] (<! (go (+ a (first b))))) ;=> 3
                (let [n 5] (<! (go (mapv (fn [x] (+ x n)) [1 2])))) ;=> [6 7]
                (let [n 3 c (filled 1 2 3)] (<! (a/go-loop [i 0 s 0] (if (< i n) (recur (inc i) (+ s (<! c))) s)))) ;=> 6
                (let [x 1] [(<! (go (<! (go (inc x))))) (<! (go (let [y x] (go y) (+ x y)))) x]) ;=> [2 2 1]
                (let [[a b c d e f g h i j k l m n o p q r s] (range 19)] (<! (go (+ a b c d e f g h i j k l m n o p q r s)))) ;=> 171
                (let [n (atom 3)] (<! (sluice.runtime/spawn (fn again [] (if (pos? @n) (do (swap! n dec) (again)) :done))))) ;=> :done
                (let [n (atom 3)] (<! (sluice.runtime/spawn (fn [] (if (pos? @n) (do (swap! n dec) (recur)) :done))))) ;=> :done
                (let [n 3] (<! (sluice.runtime/spawn (fn ([] n) ([_] :other))))) ;=> 3
                (let [x 1] (<! (go (try (throw (ex-info "thrown" {})) (catch Exception e [(ex-message e) x]) (finally x))))) ;=> ["thrown" 1]
                (letfn [(even [n] (if (zero? n) true (odd (dec n)))) (odd [n] (if (zero? n) false (even (dec n))))] (<! (go [(even 10) (odd 10)]))) ;=> [true false]
                (let [x :kept f (fn [] (go [x (vector x)]))] [(<! (f)) (<! (f))]) ;=> [[:kept [:kept]] [:kept [:kept]]]
                (let [x 1] (binding [*guest* :ann] (<! (go [x *guest*])))) ;=> [1 :ann]
                (let [x 1 y nil] (<! (go (when-not y (letfn [(twice [] (+ x x))] (twice)))))) ;=> 2
                (let [xs (map inc [1 2 3])] (<! (go (reduce + xs)))) ;=> 9
                (let [c (a/chan)] (go (a/>! c (let [c 2] (inc c)))) (<! c)) ;=> 3
                """),
        LibraryCases(
            name: "puts and takes", prelude: prelude,
            text: """
                (let [c (a/chan 1) heard (atom :silent)] (a/>! c 7) (a/take! c (fn [v] (reset! heard v))) @heard) ;=> 7
                (let [c (a/chan) heard (atom :silent)] (a/put! c 7) (a/take! c (fn [v] (reset! heard v)) true) @heard) ;=> 7
                (let [c (a/chan) heard (atom :silent)] (a/take! c (fn [_])) [(a/put! c 7 (fn [ok] (reset! heard ok)) true) @heard]) ;=> [true true]
                (let [c (a/chan) heard (a/promise-chan)] (a/close! c) [(a/put! c 7 (fn [ok] (a/>! heard ok)) false) (a/<! heard)]) ;=> [false false]
                (let [c (a/chan 1) heard (a/promise-chan)] (a/>! c 7) [(a/take! c (fn [v] (a/>! heard v)) false) (a/<! heard)]) ;=> [nil 7]
                (let [c (a/chan 1)] (a/>! c 7) (a/take! c (fn [v] (throw (ex-info "heard" {})))) :unreached) ;=!> heard
                (let [up (a/chan) out (a/chan)] (a/io-thread (a/>!! out (inc (a/<!! up)))) (a/>!! up 4) (a/<!! out)) ;=> 5
                (let [c (a/chan 1) reader (future (a/<!! c))] (a/<! (a/timeout 5)) (a/>!! c :tea) @reader) ;=> :tea
                (let [c (a/chan 1)] (a/>!! c :cup) (deref (future (a/>!! c :saucer)) 30 :no-room)) ;=> :no-room
                (let [c (a/chan 1)] (a/>! c :cup) (first (a/alts! [(a/go (a/>! c :saucer)) (a/timeout 30)]))) ;=> nil
                (let [c (a/chan 1) hungry [(future (a/<!! c)) (future (a/<!! c))]] (a/>!! c :bun) (frequencies (mapv #(deref % 30 :empty) hungry))) ;=> {:bun 1 :empty 1}
                (let [c (a/chan nil) heard (atom [])] (a/put! c :note #(swap! heard conj %)) (a/<! (a/timeout 5)) (let [early @heard note (a/<!! c)] (a/<! (a/timeout 5)) [early note @heard])) ;=> [[] :note [true]]
                (let [c (a/chan nil) heard (atom [])] (a/take! c #(swap! heard conj %)) (a/<! (a/timeout 5)) (let [early @heard] (a/>!! c :note) (a/<! (a/timeout 5)) [early @heard])) ;=> [[] [:note]]
                [(a/offer! (a/chan nil) :x) (a/poll! (a/chan nil))] ;=> [nil nil]
                (let [c (a/chan 1) heard (a/promise-chan)] (a/>! c 7) (a/take! c #(a/put! heard %) false) (a/<! heard)) ;=> 7
                (let [c (a/chan) heard (a/promise-chan)] (a/take! c #(a/put! heard %) true) (a/>! c 7) (a/<! heard)) ;=> 7
                (let [c (a/chan) heard (a/promise-chan)] (a/take! c (fn [_])) (a/put! c 7 #(a/put! heard %) false) (a/<! heard)) ;=> true
                (let [c (a/chan) heard (a/promise-chan)] (a/put! c 7 #(a/put! heard %) true) (a/take! c (fn [_])) (a/<! heard)) ;=> true
                (let [c (a/chan)] (run! #(a/put! c %) (range 1024)) [(try (a/put! c :late) (catch Throwable e :turned-away)) (a/<! c)]) ;=> [:turned-away 0]
                (let [c (a/chan)] (run! (fn [_] (a/take! c identity)) (range 1024)) [(try (a/take! c identity) (catch Throwable e :turned-away)) (a/>! c :v)]) ;=> [:turned-away true]
                (let [c (a/chan 1) queued (promise)] (a/>! c :old) (a/put! c :new (fn [_] (deliver queued :moved-up))) [(realized? queued) (a/<! c) (deref queued 300 :stuck) (a/<! c)]) ;=> [false :old :moved-up :new]
                (let [c (a/chan 2)] [(mapv #(a/offer! c %) [:l :m :r]) (a/<! c) (a/poll! c) (a/poll! c)]) ;=> [[true true nil] :l :m nil]
                (a/<! (a/go (let [c (a/chan 2)] [(a/offer! c :l) (a/offer! c :r) (a/poll! c) (a/poll! c) (a/poll! c)]))) ;=> [true true :l :r nil]
                (let [p (a/promise-chan) waiting (mapv (fn [_] (a/thread (a/<!! p))) (range 3))] (a/<! (a/timeout 5)) (a/>! p :news) (mapv a/<! waiting)) ;=> [:news :news :news]
                (let [p (a/promise-chan)] [(a/>! p :news) (a/>! p :rumour) (a/<! p) (a/<! p) (a/<! p)]) ;=> [true true :news :news :news]
                (let [p (a/promise-chan)] (a/>! p :news) [(a/<! p) (a/close! p) (a/<! p) (a/<! p)]) ;=> [:news nil :news :news]
                (let [p (a/promise-chan) waiting (mapv (fn [_] (a/thread (a/<!! p))) (range 2))] (a/<! (a/timeout 5)) (a/close! p) [(mapv a/<! waiting) (a/<! p) (a/<! p) (mapv a/<! waiting)]) ;=> [[nil nil] nil nil [nil nil]]
                (let [p (a/promise-chan)] (a/>! p :news) (a/close! p) [(a/<! p) (a/<! p)]) ;=> [:news :news]
                (binding [*guest* :ann] (a/<! (a/thread *guest*))) ;=> :ann
                (let [up (a/chan) back (a/chan) out (a/chan)] (a/thread (a/>!! back (inc (a/<!! up)))) (a/thread (a/>!! out (* 10 (a/<!! back)))) (a/>!! up 4) (a/<!! out)) ;=> 50
                (let [c (a/chan) sender (a/go (a/>! c :letter) :posted)] [(a/<! c) (a/<! sender)]) ;=> [:letter :posted]
                (let [c (a/chan) reader (a/go (a/<! c))] (a/<! (a/timeout 5)) (a/>! c :letter) (a/<! reader)) ;=> :letter
                (let [c (a/chan 1) crowd (a/go (doseq [v [1 2 3 4]] (a/>! c v)) (a/<! c))] (set (conj (mapv (fn [_] (a/<! c)) (range 3)) (a/<! crowd)))) ;=> #{1 2 3 4}
                """),
        LibraryCases(
            name: "control flow in go", prelude: prelude,
            text: """
                (a/<! (a/go (a/<! (filled :ten)))) ;=> :ten
                (a/<! (a/go (let [c (a/chan 1)] (a/>! c (a/<! (filled :hop))) (a/<! c)))) ;=> :hop
                (a/<! (a/go (case (str (a/<! (filled 1))) "0" :zero "1" :one :many))) ;=> :one
                (a/<! (a/go (loop [seed (a/<! (filled :seed))] seed))) ;=> :seed
                (let [spare (filled :rescued)] (a/<! (a/go (try (assert nil) (catch Throwable e (a/<! spare)))))) ;=> :rescued
                [(a/<! (a/go)) (let [unused nil] (some? (a/go)))] ;=> [nil true]
                (a/<! (a/go (let [none nil c (identity none)] (if c (a/<! c) :no-channel)))) ;=> :no-channel
                (let [<! (fn [_] :mine)] (a/<!! (go (<! (filled :theirs))))) ;=> :mine
                (a/<!! (go (let [<! (fn [_] :mine)] (<! (filled :theirs))))) ;=> :mine
                (let [c (filled :theirs)] (= [:theirs c] (a/<!! (go (alts! [c]))))) ;=> true
                (let [when vector n 5] (a/<! (a/go (when [n] n)))) ;=> [[5] 5]
                (a/<! (a/go (let [when vector n 5] (when [n] n)))) ;=> [[5] 5]
                (let [doseq vector x 3] (a/<! (a/go (doseq [x (range 2)] x)))) ;=> [[3 (0 1)] 3]
                (a/<! (room (->Hall 8))) ;=> [8 8]
                (let [at (int 2)] (a/<! (a/go (subs "pocket" at)))) ;=> "cket"
                (a/<! (a/go (try (loop [] (try (later (throw (ex-info "stop" {}))) (catch ArithmeticException e :again))) (catch Throwable e (ex-message e))))) ;=> "stop"
                (a/<! (a/go (try (later 1) (throw (Throwable. "t")) (catch Exception e :narrow) (catch Throwable t :wide)))) ;=> :wide
                (a/<! (a/go (try :body (finally (later :cleanup))))) ;=> :body
                (a/<! (a/go (try (try (try (throw (later (ex-info "a" {}))) (catch Exception e (later (throw (ex-info (str (ex-message e) "b") {}))))) (catch Exception e (throw (ex-info (str (ex-message e) "c") {})))) (catch Exception e (ex-message e))))) ;=> "abc"
                (a/<! (a/go (try (later 1) (throw (RuntimeException. "r")) (catch RuntimeException e (later :near)) (catch Exception e (later :far))))) ;=> :near
                (a/<! (a/go (try (later 1) (throw (RuntimeException. "r")) (catch Exception e (later :far))))) ;=> :far
                (a/<! (a/go (try :calm (catch Exception e (later 1) e)))) ;=> :calm
                (a/<! (a/go (try (let [[kept] (try (let [v (later :any)] (throw (ex-info "in" {:at :in}))) (catch Throwable e [:kept]) (finally))] (throw (ex-info "out" {:at kept}))) (catch ExceptionInfo e (ex-data e)) (catch ArithmeticException e :wrong)))) ;=> {:at :kept}
                (let [log (atom [])] [(a/<! (a/go (try (try :v (finally (swap! log conj (later :near)))) (finally (swap! log conj (later :far)))))) @log]) ;=> [:v [:near :far]]
                (let [log (atom [])] [(a/<! (a/go (try (try (try (assert (later false)) (catch Throwable e (later (throw e))) (finally (swap! log conj (later :near)))) (catch Throwable e (throw e)) (finally (swap! log conj (later :far)))) (catch AssertionError e :assertion)))) @log]) ;=> [:assertion [:near :far]]
                (let [log (atom [])] [(a/<! (a/go (try (try (try (assert false) (finally (swap! log conj :near))) (finally (swap! log conj :far))) (catch Throwable e :through)))) @log]) ;=> [:through [:near :far]]
                (a/<! (a/go [(do (later 1) (later 2)) (if (later true) (later :then) (later :else)) (if (later nil) (later :then) (later :else)) (when (later 1) (later 2)) (when (later false) 3)])) ;=> [2 :then :else 2 nil]
                (a/<! (a/go [((fn [] :called)) (later '(p q)) (:k (later {:k :v})) ([:zero :one] (later 1))])) ;=> [:called (p q) :v :one]
                (a/<! (a/go [{:p (later 1) :q (later 2)} #{(later 1) (later 2)} [(later 1) (later 2)]])) ;=> [{:p 1 :q 2} #{1 2} [1 2]]
                (a/<! (a/go (loop [n (later 0)] (if (< n 60) (recur (inc (later n))) (later n))))) ;=> 60
                (a/<! (a/go (loop [left :l right :r turns 3] (if (pos? turns) (recur right left (dec turns)) [left right])))) ;=> [:r :l]
                (a/<! (a/go (loop [n 4 twice (* 2 n)] (later twice)))) ;=> 8
                (a/<! (a/go (let [[p q] (later [3 4]) {:keys [r] other :s :as whole} (later {:r 5 :s 6})] [p q r other whole]))) ;=> [3 4 5 6 {:r 5 :s 6}]
                (a/<! (a/go (let [sum (atom 0)] (dotimes [i 5] (swap! sum + (later i))) @sum))) ;=> 10
                (a/<! (a/go (let [held 9 _ (later held) closure (fn [] held)] (closure)))) ;=> 9
                (a/<! (a/go (when-some [n (later 3)] (later (apply list (for [i (range n) j (range i)] [i j])))))) ;=> ([1 0] [2 0] [2 1])
                (a/<! (a/go [(case (later :q) :p (later 1) :q (later 2)) (case :r :p 1 :other) (case :s :t :u nil) (loop [n 0] (case (later n) 0 (recur (inc n)) 1 :end))])) ;=> [2 :other nil :end]
                (a/<! (a/go [(binding [*guest* :bea] (later 1) *guest*) *guest*])) ;=> [:bea :nobody]
                """),
        LibraryCases(
            name: "choices", prelude: prelude,
            text: """
                (let [c (filled :pear)] (= [:pear c] (a/<! (a/go (a/alts! [c]))))) ;=> true
                (a/<! (a/go (a/alt! (filled :pear) ([fruit] {:ate fruit})))) ;=> {:ate :pear}
                [(a/<! (a/go (a/alts! [(a/chan 1)] :default :none))) (a/<! (a/go (a/alt! (a/chan) ([_] :some) :default :none)))] ;=> [[:none :default] :none]
                (let [ready (fn [v] (let [c (a/chan 1)] (a/>! c v) c))] (a/<! (a/go (loop [seen #{} n 0] (if (< n 200) (recur (conj seen (a/alt! (ready :p) ([v] v) (ready :q) ([v] v) (ready :r) ([v] v))) (inc n)) seen))))) ;=> #{:p :q :r}
                (let [idle (a/chan) shut (a/chan)] (a/close! shut) (dotimes [_ 3000] (a/alts! [idle [shut :v]] :priority true)) [(first (a/alts! [idle [shut :v]] :priority true)) (a/offer! idle :v)]) ;=> [false nil]
                (a/alts! [(a/chan) [(a/chan) nil]]) ;=!> nil cannot be put
                """),
        LibraryCases(
            name: "transducers and exceptions", prelude: prelude,
            text: """
                (a/<! (a/transduce (map str) conj [:start] (filled 1 2 3))) ;=> [:start "1" "2" "3"]
                (let [thrice (mapcat #(repeat 3 %)) served (fn [size takers] (let [c (a/chan size thrice) told (a/chan 99)] (dotimes [_ takers] (a/take! c #(a/put! told %))) (a/onto-chan! c [1 2 3]) (sort (mapv (fn [_] (a/<! told)) (range takers)))))] (remove (fn [[size takers]] (= (served size takers) (take takers [1 1 1 2 2 2 3 3 3]))) (for [size (range 1 10) takers (range 1 10)] [size takers]))) ;=> ()
                (let [c (a/chan 1 (mapcat range)) told (a/chan 9)] (dotimes [_ 3] (a/take! c #(a/put! told %))) (a/>! c 3) (sort [(a/<! told) (a/<! told) (a/<! told)])) ;=> (0 1 2)
                (let [c (a/chan 1 cat)] [(a/>! c [:p :q :r]) (a/<! c) (a/offer! c [:s]) (a/<! c) (a/offer! c [:s]) (a/<! c) (a/offer! c [:s :t])]) ;=> [true :p nil :q nil :r true]
                (let [c (a/chan 1 cat) done (atom 0)] (a/>! c [:p :q :r]) (let [p (a/<! c) _ (a/go (a/>! c [:s :t]) (swap! done inc)) _ (a/<! (a/timeout 5)) q (a/<! c)] (a/<! (a/timeout 5)) [p q @done (a/offer! c [:u])])) ;=> [:p :q 0 nil]
                [(a/<! (a/go (throw (ex-info "expected in this test" {})))) (a/<! (a/go (assert false "expected in this test")))] ;=> [nil nil]
                (a/<! (a/go (a/alts! [(filled 1)]) (assert false "expected in this test"))) ;=> nil
                [(a/<! (a/thread (throw (ex-info "expected in this test" {})))) (a/<!! (a/thread (a/alts!! [(filled 1)]) (assert false "expected in this test")))] ;=> [nil nil]
                (let [c (a/chan)] (a/put! c :kept (fn [_] (throw (ex-info "expected in this test" {})))) [(a/<! c) (a/poll! c)]) ;=> [:kept nil]
                (let [c (a/chan)] (a/take! c (fn [_] (throw (ex-info "expected in this test" {})))) (a/<! (a/timeout 5)) (a/>! c :v)) ;=> true
                """),
        LibraryCases(
            name: "from channel to channel", prelude: prelude,
            text: """
                (mapv (fn [source] (all (source (range 12)))) [a/to-chan a/to-chan! a/to-chan!!]) ;=> [[0 1 2 3 4 5 6 7 8 9 10 11] [0 1 2 3 4 5 6 7 8 9 10 11] [0 1 2 3 4 5 6 7 8 9 10 11]]
                (mapv (fn [pour] (let [c (a/chan 3)] (pour c "word") (apply str (all c)))) [a/onto-chan a/onto-chan! a/onto-chan!!]) ;=> ["word" "word" "word"]
                (let [out (a/chan)] (a/pipe (a/to-chan! "pipe") out) (apply str (all out))) ;=> "pipe"
                (mapv all (a/split string? (filled "p" 1 "q" 2 3) 4 4)) ;=> [["p" "q"] [1 2 3]]
                (all (a/map * (repeatedly 3 #(a/to-chan! [1 2 3 4])))) ;=> [1 8 27 64]
                (a/<! (a/map max [])) ;=> nil
                (frequencies (all (a/merge (repeatedly 3 #(filled :x :y :z))))) ;=> {:x 3 :y 3 :z 3}
                (mapv a/<! [(a/reduce * 7 (filled)) (a/reduce * 1 (filled 2 3 4)) (a/reduce (fn [n v] (if (= v :stop) (reduced [:stopped n]) (inc n))) 0 (filled :go :go :stop :go))]) ;=> [7 24 [:stopped 2]]
                """),
        LibraryCases(
            name: "mult, pub and mix", prelude: prelude,
            text: """
                (let [src (a/chan) m (a/mult src) left (a/tap m (a/chan 9)) right (a/tap m (a/chan 9))] (a/pipe (a/to-chan! "echo") src) (mapv #(apply str (all %)) [left right])) ;=> ["echo" "echo"]
                (let [src (a/chan) m (a/mult src) p (a/tap m (a/chan)) q (a/tap m (a/chan)) gone (a/tap m (a/chan)) again (fn [c] (a/<! (a/timeout 5)) (a/poll! c))] (a/close! gone) (a/onto-chan! src [:i :j :k]) [(a/<! p) (again p) (a/<! q) (a/<! p) (again p)]) ;=> [:i nil :i :j nil]
                (let [out (a/chan) desk (a/mix out)] (a/admix desk (filled :p :q)) (a/admix desk (filled :r :s)) (a/<! (a/into #{} (a/take 4 out)))) ;=> #{:p :q :r :s}
                (let [out (a/chan 2100) desk (a/mix out)] (dotimes [i 2048] (let [c (a/chan)] (a/admix desk c) (a/put! c i))) (= (range 2048) (sort (all (a/take 2048 out))))) ;=> true
                (let [src (a/chan) news (a/pub src keyword?) subs (vec (for [topic [true false] _ [1 2]] (a/sub news topic (a/chan 9))))] (a/pipe (filled :p 1 :q 2 3) src) (mapv all subs)) ;=> [[:p :q] [:p :q] [1 2 3] [1 2 3]]
                """),
        LibraryCases(
            name: "pipelines", prelude: prelude,
            text: """
                (let [through (fn [pipe-it n size step] (let [out (a/chan 1)] (pipe-it n out step (a/to-chan! (range size))) (= (range size) (all out))))] (set (for [[n size] [[1 0] [1 8] [8 8] [16 8] [4 700]] [pipe-it step] [[a/pipeline (map identity)] [a/pipeline-blocking (map identity)] [a/pipeline-async (fn [v to] (a/thread (a/>!! to v) (a/close! to)))]]] (through pipe-it n size step)))) ;=> #{true}
                (mapv (fn [pipe-it] (let [out (a/chan 1)] (pipe-it 3 out (map inc) (filled 6) true) [(a/<! out) (a/<! out)])) [a/pipeline a/pipeline-blocking]) ;=> [[7 nil] [7 nil]]
                (vec (for [pipe-it [a/pipeline a/pipeline-blocking] close? [false nil]] (let [out (a/chan 1)] (pipe-it 3 out (map inc) (filled 6) close?) [(a/<! out) (a/>! out :extra) (a/<! out)]))) ;=> [[7 true :extra] [7 true :extra] [7 true :extra] [7 true :extra]]
                (mapv (fn [pipe-it] (let [out (a/chan 1) slips (a/chan 1) risky (fn [v] (if (= v :bad) (throw (ex-info "slip" {:at v})) v))] (pipe-it 3 out (map risky) (filled :p :bad :q) true (fn [e] (a/>!! slips e) :mended)) [(all out) (ex-data (a/<! slips))])) [a/pipeline a/pipeline-blocking]) ;=> [[[:p :mended :q] {:at :bad}] [[:p :mended :q] {:at :bad}]]
                (let [out (a/chan 1)] (a/pipeline-async 3 out (fn [n to] (a/thread (dotimes [i n] (a/>!! to [n i])) (a/close! to))) (filled 2 0 3)) (all out)) ;=> [[2 0] [2 1] [3 0] [3 1] [3 2]]
                (let [out (a/chan 1)] (a/pipeline-blocking 2 out (map (fn [ms] (a/<!! (a/timeout ms)) ms)) (filled 90 5 40 10)) (all out)) ;=> [90 5 40 10]
                (let [out (a/chan 1) sum-to (fn [n] (reduce + (range (inc n))))] (a/pipeline 8 out (map sum-to) (a/to-chan! (take 20 (cycle [1000 10 2000 1])))) (frequencies (all out))) ;=> {500500 5 55 5 2001000 5 1 5}
                (let [out (a/chan 1)] (a/pipeline-async 1 out (fn [v to] (future (a/>!! to (* v v)) (a/close! to))) (a/to-chan! (range 60))) (= (map #(* % %) (range 60)) (all out))) ;=> true
                """),
        LibraryCases(
            name: "timers", prelude: prelude,
            text: """
                (let [start (sluice.runtime/nano-time)] (a/<!! (a/timeout 40)) (<= 40000000 (- (sluice.runtime/nano-time) start))) ;=> true
                (let [log (atom []) alarms (mapv (fn [ms] [ms (a/timeout ms)]) [160 40 120 80])] (run! a/<! (mapv (fn [[ms alarm]] (a/thread (a/<!! alarm) (swap! log conj ms))) alarms)) @log) ;=> [40 80 120 160]
                """),
    ]

    @Test("core.async's promises in any order", arguments: tables, [1, 2, 3] as [UInt64])
    func promises(table: LibraryCases, seed: UInt64) { table.check(seed: seed) }

    /// Those whose outcome hangs on no time.
    @Test(
        "core.async's promises on threads",
        arguments: tables.filter {
            ["buffers", "control flow in go", "from channel to channel", "pipelines"].contains($0.name)
        })
    func threads(table: LibraryCases) { table.check(seed: nil) }
}
