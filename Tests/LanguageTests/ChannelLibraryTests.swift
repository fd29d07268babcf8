import Sluice
import Testing
import Values

/// core.async's operations, from its documentation (D26). Under the virtual scheduler, a case that waits for what never comes
/// is an error, and timeouts take no time.
@Suite struct ChannelLibraryTests {
    private static let prelude = """
        (ns cases (:require [clojure.core.async :as a]))
        (defn all [c] (a/<! (a/into [] c)))
        (defn filled [& values] (a/to-chan! values))
        """

    static let tables = [
        LibraryCases(
            name: "channels", prelude: prelude,
            text: """
                (let [c (a/chan)] (a/go (a/>! c 1)) (a/<! c)) ;=> 1
                (let [c (a/chan)] (a/close! c) [(a/<! c) (a/>! c 1) (a/put! c 1) (a/offer! c 1) (a/poll! c)]) ;=> [nil false false false nil]
                (let [c (a/chan 2)] (a/>! c 1) (a/>! c 2) (a/close! c) (all c)) ;=> [1 2]
                (let [c (a/chan)] (a/>! c nil)) ;=!> nil cannot be put
                (let [c (a/chan)] (a/put! c 1) (a/put! c 2) (a/close! c) (all c)) ;=> [1 2]
                (let [c (a/chan)] [(a/offer! c 1) (a/poll! c)]) ;=> [nil nil]
                (let [c (a/chan (a/dropping-buffer 2))] (dotimes [i 5] (a/>! c i)) (a/close! c) (all c)) ;=> [0 1]
                (let [c (a/chan (a/sliding-buffer 2))] (dotimes [i 5] (a/>! c i)) (a/close! c) (all c)) ;=> [3 4]
                (let [c (a/chan (a/buffer 2))] (a/>! c 1) (a/>! c 2) (a/offer! c 3)) ;=> nil
                (a/chan (a/sliding-buffer 0)) ;=!> room
                (map a/unblocking-buffer? [(a/buffer 1) (a/dropping-buffer 1) (a/sliding-buffer 1)]) ;=> (false true true)
                (let [c (a/promise-chan)] (a/put! c 1) (a/put! c 2) [(a/<! c) (a/<! c)]) ;=> [1 1]
                (let [c (a/promise-chan)] (a/close! c) (a/<! c)) ;=> nil
                (let [c (a/promise-chan (map inc))] (a/>! c 1) [(a/<! c) (a/<! c)]) ;=> [2 2]
                (let [c (a/promise-chan (map inc)) x (a/go (a/<! c)) y (a/go (a/<! c))] (a/>! c 1) [(a/<! x) (a/<! y)]) ;=> [2 2]
                (let [c (a/chan 1) p (a/promise-chan)] (a/take! c (fn [v] (a/>! p v))) (a/put! c :x) (a/<! p)) ;=> :x
                (let [c (a/chan) p (a/promise-chan)] (a/put! c :x (fn [ok] (a/>! p ok))) [(a/<! c) (a/<! p)]) ;=> [:x true]
                (a/<! (a/timeout 1000000)) ;=> nil
                (a/<!! (a/go-loop [n 1000 sum 0] (if (zero? n) sum (recur (dec n) (+ sum n))))) ;=> 500500
                (a/<! (a/go nil)) ;=> nil
                (a/<! (a/thread-call (fn [] 1))) ;=> 1
                (a/<!! (a/thread (+ 1 2))) ;=> 3
                (binding [*print-length* 3] (a/<! (a/go *print-length*))) ;=> 3
                (let [f (fn deep [c n] (if (zero? n) (a/<! c) (deep c (dec n)))) c (a/chan)] (a/go (a/>! c :v)) (f c 500)) ;=> :v
                """),
        LibraryCases(
            name: "transducers on channels", prelude: prelude,
            text: """
                (let [c (a/chan 9 (map inc))] (a/onto-chan! c [1 2 3]) (all c)) ;=> [2 3 4]
                (let [c (a/chan 1 (filter odd?))] (a/onto-chan! c (range 10)) (all c)) ;=> [1 3 5 7 9]
                (let [c (a/chan 1 (take 2))] (a/onto-chan! c (range 10)) (all c)) ;=> [0 1]
                (let [c (a/chan 1 (take 2))] [(a/>! c 1) (a/<! c) (a/>! c 2) (a/<! c) (a/>! c 3) (a/<! c)]) ;=> [true 1 true 2 false nil]
                (let [c (a/chan 1 cat)] (a/onto-chan! c [[1 2 3] [] [4]]) (all c)) ;=> [1 2 3 4]
                (let [c (a/chan 1 (partition-all 2))] (a/onto-chan! c (range 5)) (all c)) ;=> [[0 1] [2 3] [4]]
                (let [c (a/chan 9 (partition-all 2))] (a/>! c 1) (a/close! c) [(a/<! c) (a/<! c)]) ;=> [[1] nil]
                (let [c (a/chan 9 (partition-all 2))] [(a/offer! c 1) (a/offer! c 2) (a/poll! c)]) ;=> [true true [1 2]]
                (let [c (a/chan 1 (map inc))] [(a/offer! c 1) (a/offer! c 2) (a/poll! c)]) ;=> [true nil 2]
                (let [c (a/chan 1 (map inc))] (a/offer! c nil)) ;=!> nil cannot be put
                (let [c (a/chan 1 (mapcat (fn [n] (range n))))] (a/>! c 3) (a/close! c) (all c)) ;=> [0 1 2]
                (let [c (a/chan 9 (map (fn [n] (/ 6 n))) (fn [e] :bad))] (a/onto-chan! c [1 0 3]) (all c)) ;=> [6 :bad 2]
                (let [c (a/chan 9 (map (fn [n] (/ 6 n))) (fn [e] nil))] (a/onto-chan! c [1 0 3]) (all c)) ;=> [6 2]
                (let [c (a/chan 9 (map (fn [n] (/ 6 n))))] (a/onto-chan! c [1 0 3]) (all c)) ;=> [6 2]
                (let [c (a/chan (a/sliding-buffer 1) (map inc))] (a/>! c 1) (a/>! c 2) (a/<! c)) ;=> 3
                (let [c (a/chan (a/dropping-buffer 1) (map inc))] (a/>! c 1) (a/>! c 2) (a/<! c)) ;=> 2
                (let [c (a/chan 1 (comp (filter odd?) (map str)))] (a/onto-chan! c (range 6)) (all c)) ;=> ["1" "3" "5"]
                (let [c (a/chan 1 (map inc))] (a/put! c 1) (a/put! c 2) (a/put! c 3) [(a/<! c) (a/<! c) (a/<! c)]) ;=> [2 3 4]
                (let [c (a/chan 1 (map inc))] (a/put! c 1) (a/put! c 2) (a/go (dotimes [_ 9] (a/<! c))) (a/>! c 3)) ;=> true
                (let [c (a/chan 1 (map inc))] (a/put! c 1) (a/put! c 2) (a/close! c) [(a/>! c 3) (all c)]) ;=> [false [2 3]]
                (let [c (a/chan 1 (partition-all 2))] (dotimes [i 5] (a/put! c i)) (a/close! c) (all c)) ;=> [[0 1] [2 3] [4]]
                (let [c (a/chan 1 (map inc)) told (a/chan 9)] (a/put! c 1 (fn [ok] (a/>! told ok))) (a/close! c) (a/put! c 2 (fn [ok] (a/>! told ok))) (sort [(a/<! told) (a/<! told)])) ;=> (false true)
                (let [c (a/chan 1 (map inc))] (dotimes [i 1025] (a/put! c i)) (a/put! c :more)) ;=!> more than 1024 puts
                (let [c (a/chan 1 (map inc) (fn [e] (throw e)))] (a/put! c 1) (a/put! c :x) (a/put! c 2) [(a/<! c) (a/<! c)]) ;=> [2 3]
                (let [c (a/chan 9 (dedupe))] (a/onto-chan! c [1 1 2 2 1]) (all c)) ;=> [1 2 1]
                (a/chan 0 (map inc)) ;=!> buffer
                (let [c (a/chan 1 (map inc))] [(= [true c] (a/alts! [[c 1]])) (a/<! c)]) ;=> [true 2]
                (let [c (a/chan 1 (map inc))] (a/alts! [[c 1]]) [(a/alts! [[c 2]] :default :full) (a/<! c) (a/poll! c)]) ;=> [[:full :default] 2 nil]
                (let [c (a/chan 1 (filter odd?))] [(first (a/alts! [[c 2]])) (first (a/alts! [[c 3]])) (a/<! c)]) ;=> [true true 3]
                (let [c (a/chan 1 (take 1))] [(first (a/alts! [[c 1]])) (a/<! c) (first (a/alts! [[c 2]])) (a/<! c)]) ;=> [true 1 false nil]
                (let [c (a/chan 9 (map (fn [n] (/ 6 n))) (fn [e] :bad))] (a/alts! [[c 0]]) (a/<! c)) ;=> :bad
                (let [c (a/chan 1 (map inc))] (a/alts! [[c nil]])) ;=!> nil cannot be put
                (let [c (a/chan 1 (map inc))] (dotimes [i 3] (a/put! c i)) (let [done (a/go (a/alts! [[c 3]]))] [(a/<! c) (a/<! c) (a/<! c) (a/<! c) (first (a/<! done))])) ;=> [1 2 3 4 true]
                (let [c (a/chan 1 (map inc)) d (a/chan 1 (map dec)) all (fn [c] (a/into [] c)) done (a/go (dotimes [i 200] (a/alts! [[c i] [d i]])) (a/close! c) (a/close! d)) x (all c) y (all d)] (= (range 200) (sort (concat (map dec (a/<! x)) (map inc (a/<! y)))))) ;=> true
                (let [c (a/chan 1 (map inc)) n 50 putters (mapv (fn [p] (a/go (dotimes [i n] (a/alts! [[c i]])))) (range 4)) seen (a/into [] c)] (doseq [p putters] (a/<! p)) (a/close! c) (= (frequencies (a/<! seen)) (zipmap (range 1 (inc n)) (repeat 4)))) ;=> true
                """),
        LibraryCases(
            name: "choices", prelude: prelude,
            text: """
                (let [c (filled 1)] (a/<! (a/timeout 5)) (= [1 c] (a/alts! [c (a/chan)]))) ;=> true
                (let [c (a/chan 1)] (= [true c] (a/alts! [[c 1]]))) ;=> true
                (let [c (a/chan)] (a/close! c) (= [false c] (a/alts! [[c 1]]))) ;=> true
                (let [c (a/chan)] (a/close! c) (= [nil c] (a/alts! [c]))) ;=> true
                (a/alts! [(a/chan)] :default 7) ;=> [7 :default]
                (let [a (a/chan 1) b (a/chan 1)] (a/>! a 1) (a/>! b 2) (first (a/alts! [b a] :priority true))) ;=> 2
                (let [c (a/chan)] (a/go (a/<! (a/timeout 50)) (a/>! c :late)) (first (a/alts! [c (a/timeout 10)]))) ;=> nil
                (let [c (a/chan)] (a/go (a/<! (a/timeout 5)) (a/>! c :early)) (first (a/alts!! [c (a/timeout 10)]))) ;=> :early
                (let [c (filled 1)] (a/alt! c ([v] [:got v]) (a/timeout 1000) :late)) ;=> [:got 1]
                (let [c (a/chan)] (a/alt! c :got (a/timeout 10) :late)) ;=> :late
                (let [c (a/chan 1)] (a/alt! [[c 5]] ([ok port] [ok (= port c)]))) ;=> [true true]
                (let [a (a/chan) b (filled 2)] (a/alt! [a b] ([v p] [v (= p b)]) :priority true)) ;=> [2 true]
                (a/alt! (a/chan) :got :default :none) ;=> :none
                (a/alt!! (a/chan) ([v] v) :default (+ 1 2)) ;=> 3
                (let [c (a/chan 1) n (atom 0)] (a/alt! [[(do (swap! n inc) c) 1]] :put) @n) ;=> 1
                (a/alts! []) ;=!> at least one
                (a/alts! (a/chan)) ;=!> alts! expected a vector of channels, but found a channel
                (a/alts! 3) ;=!> alts! expected a vector of channels
                (first (a/alts! (map identity [(filled 1)]))) ;=> 1
                (let [c (a/chan 1 (map inc))] (a/>! c 1) (a/go (a/<! (a/timeout 5)) (a/<! c)) (let [[ok p] (a/alts! [[c 2] (a/timeout 100)])] [ok (= p c) (a/<! c)])) ;=> [true true 3]
                (let [c (a/chan 1 (map inc))] (a/>! c 1) (let [[v p] (a/alts! [[c 2] (a/timeout 10)])] [v (= p c) (a/<! c) (a/poll! c)])) ;=> [nil false 2 nil]
                (let [c (a/chan 1 (map inc))] (a/close! c) (= [false c] (a/alts! [[c 1]]))) ;=> true
                (let [c (a/chan 1 (map inc))] (a/>! c 1) (a/go (a/<! (a/timeout 5)) (a/close! c)) [(first (a/alts! [[c 2] (a/timeout 50)])) (a/<! c) (a/<! c)]) ;=> [nil 2 nil]
                (let [c (a/chan 1 (map inc))] (a/alt! [[c 5]] ([ok port] [ok (= port c) (a/<! c)]))) ;=> [true true 6]
                (let [c (a/chan 9 (map inc))] [(first (a/alts!! [[c 1] c] :priority true)) (first (a/alts!! [c [c 5]] :priority true))]) ;=> [true 2]
                (let [c (a/chan 1 (map inc))] (first (a/alts! [c [c 1]] :priority true)) (a/<! c)) ;=> 2
                (let [c (a/chan) t (a/timeout 100)] (= [nil t] (a/alts! [c [c 1] t]))) ;=> true
                (let [c (a/chan) t (a/timeout 100)] (= [nil t] (a/alts! [[c 1] c t] :priority true))) ;=> true
                (let [c (a/chan)] (a/alts! [c [c 1]] :default :none)) ;=> [:none :default]
                (let [c (a/chan)] (a/go (a/alts! [c [c 1]])) (a/<! (a/timeout 50)) :done) ;=> :done
                (let [c (a/chan) other (a/go (first (a/alts! [c [c 1]]))) mine (first (a/alts! [c [c 2]]))] (contains? #{[2 true] [true 1]} [(a/<! other) mine])) ;=> true
                (let [c (a/chan) other (a/go (a/alts! [c [c 1]]))] (a/<! (a/timeout 5)) [(a/poll! c) (first (a/<! other))]) ;=> [1 true]
                (let [c (a/chan) other (a/go (a/alts! [c [c 1]]))] (a/<! (a/timeout 5)) [(a/offer! c 2) (first (a/<! other))]) ;=> [true 2]
                (let [c (a/chan) got (mapv a/<! (mapv (fn [i] (a/go (first (a/alts! [c [c i]])))) (range 40)))] [(count (filter true? got)) (count (filter int? got))]) ;=> [20 20]
                """),
        LibraryCases(
            name: "from channel to channel", prelude: prelude,
            text: """
                (all (a/pipe (filled 1 2 3) (a/chan))) ;=> [1 2 3]
                (let [to (a/chan 9)] (a/pipe (filled 1) to false) (a/<! (a/timeout 5)) [(a/<! to) (a/offer! to 2)]) ;=> [1 true]
                (let [out (a/chan)] (a/pipeline 3 out (map inc) (filled 1 2 3 4 5)) (all out)) ;=> [2 3 4 5 6]
                (let [out (a/chan)] (a/pipeline 2 out (mapcat (fn [n] (repeat n n))) (filled 1 2 3)) (all out)) ;=> [1 2 2 3 3 3]
                (let [out (a/chan)] (a/pipeline 4 out (filter odd?) (filled 1 2 3 4)) (all out)) ;=> [1 3]
                (let [out (a/chan)] (a/pipeline 2 out (map (fn [n] (/ 6 n))) (filled 1 0 2) true (fn [e] :bad)) (all out)) ;=> [6 :bad 3]
                (let [out (a/chan 9)] (a/<! (a/pipeline 2 out (map inc) (filled 1 2) false)) (a/offer! out :open)) ;=> true
                (let [out (a/chan)] (a/pipeline-blocking 2 out (map inc) (filled 1 2 3)) (all out)) ;=> [2 3 4]
                (let [out (a/chan)] (a/pipeline-async 3 out (fn [n c] (a/go (a/<! (a/timeout (* 10 (- 5 n)))) (a/>! c n) (a/close! c))) (filled 1 2 3 4)) (all out)) ;=> [1 2 3 4]
                (let [out (a/chan)] (a/pipeline-async 1 out (fn [n c] (a/go (a/>! c n) (a/>! c (- n)) (a/close! c))) (filled 1 2)) (all out)) ;=> [1 -1 2 -2]
                (a/pipeline 0 (a/chan) (map inc) (a/chan)) ;=!> at least one worker
                (let [[odd even] (a/split odd? (filled 1 2 3 4) 9 9)] [(all odd) (all even)]) ;=> [[1 3] [2 4]]
                (a/<! (a/reduce + 0 (filled 1 2 3))) ;=> 6
                (a/<! (a/reduce (fn [s x] (if (= x 3) (reduced s) (+ s x))) 0 (filled 1 2 3 4))) ;=> 3
                (a/<! (a/transduce (map inc) + 0 (filled 1 2 3))) ;=> 9
                (a/<! (a/transduce (take 2) conj [] (filled 1 2 3))) ;=> [1 2]
                (a/<! (a/transduce (partition-all 2) conj [] (filled 1 2 3))) ;=> [[1 2] [3]]
                (a/<! (a/into #{} (filled 1 1 2))) ;=> #{1 2}
                (sort (all (a/merge [(filled 1 2) (filled 3) (filled)]))) ;=> (1 2 3)
                (all (a/merge [])) ;=> []
                (all (a/map + [(filled 1 2 3) (filled 10 20)])) ;=> [11 22]
                (all (a/map vector [(filled 1)])) ;=> [[1]]
                (all (a/map + [])) ;=> []
                (let [x (a/chan) y (a/chan)] (a/go (a/>! y 1) (a/>! x 2)) (a/<! (a/map vector [x y]))) ;=> [2 1]
                (all (a/take 2 (filled 1 2 3))) ;=> [1 2]
                (all (a/take 5 (filled 1))) ;=> [1]
                (let [c (a/chan 9)] (a/<! (a/onto-chan! c [1 2] false)) [(a/<! c) (a/<! c) (a/offer! c 3)]) ;=> [1 2 true]
                (let [c (a/chan)] (a/close! c) (a/<! (a/onto-chan! c [1 2]))) ;=> nil
                (all (a/to-chan! (range 200))) ;=> (0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95 96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120 121 122 123 124 125 126 127 128 129 130 131 132 133 134 135 136 137 138 139 140 141 142 143 144 145 146 147 148 149 150 151 152 153 154 155 156 157 158 159 160 161 162 163 164 165 166 167 168 169 170 171 172 173 174 175 176 177 178 179 180 181 182 183 184 185 186 187 188 189 190 191 192 193 194 195 196 197 198 199)
                (all (a/to-chan!! [1 2])) ;=> [1 2]
                (all (a/to-chan nil)) ;=> []
                (all (a/take 3 (a/to-chan! (range)))) ;=> [0 1 2]
                (all (a/take 3 (a/to-chan!! (range 20000000)))) ;=> [0 1 2]
                (a/merge [(a/chan) nil]) ;=!> merge expected a channel, but found nil
                (a/map + [3]) ;=!> expected a channel, but found the number 3
                (a/onto-chan! nil [1]) ;=!> onto-chan! expected a channel
                (a/pipe 3 (a/chan)) ;=!> pipe expected a channel
                (a/pipeline 1 (a/chan) (map inc) 3) ;=!> expected a channel
                (a/into [] 3) ;=!> expected a channel
                (a/split odd? 3) ;=!> split expected a channel
                (a/take 1 3) ;=!> take expected a channel
                """),
        LibraryCases(
            name: "mult, pub and mix", prelude: prelude,
            text: """
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan 9)) y (a/tap m (a/chan 9))] (a/onto-chan! c [1 2 3]) [(all x) (all y)]) ;=> [[1 2 3] [1 2 3]]
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan)) y (a/tap m (a/chan))] (a/onto-chan! c [1 2 3]) (let [rx (a/into [] x) ry (a/into [] y)] [(a/<! rx) (a/<! ry)])) ;=> [[1 2 3] [1 2 3]]
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan)) y (a/tap m (a/chan 9))] (a/put! c 1) (a/put! c 2) (a/<! (a/timeout 5)) [(a/<! y) (a/poll! y)]) ;=> [1 nil]
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan 9)) y (a/tap m (a/chan 9))] (a/untap m y) (a/>! c 1) (a/<! (a/timeout 5)) [(a/poll! x) (a/poll! y)]) ;=> [1 nil]
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan 9))] (a/untap-all m) (a/>! c 1) (a/close! c) (a/<! (a/timeout 5)) (a/poll! x)) ;=> nil
                (let [c (a/chan) m (a/mult c) x (a/tap m (a/chan 9) false)] (a/close! c) (a/<! (a/timeout 5)) (a/offer! x 1)) ;=> true
                (let [c (a/chan) m (a/mult c) gone (a/tap m (a/chan)) x (a/tap m (a/chan 9))] (a/close! gone) (a/>! c 1) (a/>! c 2) (a/close! c) (all x)) ;=> [1 2]
                (let [c (a/chan) p (a/pub c :kind) x (a/sub p :x (a/chan 9)) y (a/sub p :y (a/chan 9))] (a/onto-chan! c [{:kind :x :n 1} {:kind :y :n 2} {:kind :z} {:kind :x :n 3}]) [(map :n (all x)) (map :n (all y))]) ;=> [(1 3) (2)]
                (let [c (a/chan) p (a/pub c odd? (fn [_] 4)) x (a/sub p true (a/chan 9)) y (a/sub p true (a/chan 9))] (a/onto-chan! c [1 2 3]) [(all x) (all y)]) ;=> [[1 3] [1 3]]
                (let [c (a/chan) p (a/pub c odd?) x (a/sub p true (a/chan 9))] (a/>! c 1) (a/<! (a/timeout 5)) (a/unsub p true x) (a/>! c 3) (a/<! (a/timeout 5)) [(a/poll! x) (a/poll! x)]) ;=> [1 nil]
                (let [c (a/chan) p (a/pub c odd?) x (a/sub p true (a/chan 9))] (a/unsub-all p true) (a/>! c 1) (a/<! (a/timeout 5)) (a/poll! x)) ;=> nil
                (let [c (a/chan) p (a/pub c odd?) x (a/sub p true (a/chan 9) false)] (a/close! c) (a/<! (a/timeout 5)) (a/offer! x 1)) ;=> true
                (let [out (a/chan 9) m (a/mix out) x (a/chan) y (a/chan)] (a/admix m x) (a/admix m y) (a/>! x 1) (a/>! y 2) (a/<! (a/timeout 5)) [(a/<! out) (a/<! out)]) ;=> [1 2]
                (let [out (a/chan 9) m (a/mix out) x (a/chan) y (a/chan)] (a/toggle m {x {:mute true} y {}}) (a/>! x 1) (a/>! y 2) (a/<! (a/timeout 5)) [(a/poll! out) (a/poll! out)]) ;=> [2 nil]
                (let [out (a/chan 9) m (a/mix out) x (a/chan)] (a/toggle m {x {:pause true}}) (a/<! (a/timeout 5)) (a/offer! x 1)) ;=> nil
                (let [out (a/chan 9) m (a/mix out) x (a/chan) y (a/chan)] (a/toggle m {x {:solo true} y {}}) (a/<! (a/timeout 5)) (a/>! y 1) (a/>! x 2) (a/<! (a/timeout 5)) [(a/poll! out) (a/poll! out)]) ;=> [2 nil]
                (let [out (a/chan 9) m (a/mix out) x (a/chan) y (a/chan)] (a/solo-mode m :pause) (a/toggle m {x {:solo true} y {}}) (a/<! (a/timeout 5)) (a/offer! y 1)) ;=> nil
                (let [out (a/chan 9) m (a/mix out) x (a/chan)] (a/admix m x) (a/<! (a/timeout 5)) (a/unmix m x) (a/<! (a/timeout 5)) (a/offer! x 1)) ;=> nil
                (let [out (a/chan 9) m (a/mix out) x (a/chan)] (a/admix m x) (a/unmix-all m) (a/<! (a/timeout 5)) (a/offer! x 1)) ;=> nil
                (a/solo-mode (a/mix (a/chan)) :loud) ;=!> :mute or :pause
                (a/admix 3 (a/chan)) ;=!> admix expected a mix, but found the number 3
                (a/admix (a/mix (a/chan)) 3) ;=!> admix expected a channel
                (a/unmix nil (a/chan)) ;=!> unmix expected a mix, but found nil
                (a/toggle {} {}) ;=!> toggle expected a mix
                (a/tap 3 (a/chan)) ;=!> tap expected a mult, but found the number 3
                (a/tap (a/mult (a/chan)) 3) ;=!> tap expected a channel
                (a/sub 3 :x (a/chan)) ;=!> sub expected a pub, but found the number 3
                (a/mult 3) ;=!> mult expected a channel
                (a/pub 3 odd?) ;=!> pub expected a channel
                (a/mix 3) ;=!> mix expected a channel
                """),
    ]

    /// Lazy sequences that several fibers need at once (N3).
    static let shared = LibraryCases(
        name: "shared sequences", prelude: prelude,
        text: """
            (let [n (atom 0) s (lazy-seq (swap! n inc) (a/<! (a/timeout 5)) [1]) fs (mapv (fn [_] (a/go (first s))) (range 20))] [(mapv a/<! fs) @n]) ;=> [[1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1] 1]
            (let [n (atom 0) s (map (fn [x] (swap! n inc) (when (zero? (rem x 50)) (a/<! (a/timeout 1))) (* 2 x)) (range 500)) fs (mapv (fn [_] (a/go (reduce + s))) (range 8))] [(set (map a/<! fs)) @n]) ;=> [#{249500} 500]
            (let [n (atom 0) s (lazy-seq (a/<! (a/timeout 1)) (if (< (swap! n inc) 3) (throw (ex-info "not yet" {})) [:third])) try-it (fn [] (try (first s) (catch Exception e (ex-message e)))) fs (mapv (fn [_] (a/go (try-it))) (range 3))] (frequencies (map a/<! fs))) ;=> {"not yet" 2 :third 1}
            (let [c (a/chan) s (lazy-seq [(a/<! c)]) f (a/go (first s)) _ (a/<! (a/timeout 1)) g (future (first s))] (a/<! (a/timeout 1)) (future-cancel g) (a/>! c :x) [(a/<! f) (first s) (future-cancelled? g)]) ;=> [:x :x true]
            (let [p (promise) s (lazy-seq (cons 1 (rest @p)))] (deliver p s) (first s)) ;=!> needs its own elements
            (let [p (promise) q (promise) x (lazy-seq (a/<! (a/timeout 1)) (seq @q)) y (lazy-seq (a/<! (a/timeout 1)) (seq @p)) ask (fn [s] (a/go (try (first s) (catch Exception e :no))))] (deliver p x) (deliver q y) (let [f (ask x) g (ask y)] [(a/<! f) (a/<! g)])) ;=> [:no :no]
            (let [ps (vec (repeatedly 4 promise)) ss (mapv (fn [i] (lazy-seq (a/<! (a/timeout 1)) (seq @(ps (mod (inc i) 4))))) (range 4)) fs (do (dorun (map deliver ps ss)) (mapv (fn [s] (a/go (try (first s) (catch Exception e :no)))) ss))] (mapv a/<! fs)) ;=> [:no :no :no :no]
            (let [c (a/chan) s (lazy-seq (a/<! c) [1])] (a/go (first s)) (a/<! (a/timeout 1)) (let [t (a/thread (first s))] (a/<! (a/timeout 1)) (a/>! c :go) (a/<! t))) ;=> 1
            """)

    /// Waiting takes no time of its own, and for what never comes it is an error. Who comes first is a matter of time here.
    static let sharedInTime = LibraryCases(
        name: "shared sequences in virtual time", prelude: prelude,
        text: """
            (let [s (lazy-seq (a/<! (a/timeout 3)) [1]) start (sluice.runtime/nano-time)] (a/go (first s)) (a/<! (a/timeout 1)) (first s) (- (sluice.runtime/nano-time) start)) ;=> 3000000
            (let [c (a/chan) s (lazy-seq (a/<! c) [1])] (a/go (first s)) (a/<! (a/timeout 1)) (first s)) ;=!> waits for ever
            (let [c (a/chan) n (atom 0) s (lazy-seq (if (= 1 (swap! n inc)) (a/<! c) [:second])) f (future (first s)) g (do (a/<! (a/timeout 1)) (a/go (first s)))] (a/<! (a/timeout 1)) (future-cancel f) (a/<! g)) ;=> :second
            (let [s (lazy-seq (a/<! (a/timeout 10000)) [1])] (a/go (first s)) (a/<! (a/timeout 1)) (sorted-set-by (fn [x y] (first s) (compare x y)) 1 2)) ;=!> a comparator cannot wait
            """)

    @Test("sequences shared by fibers", arguments: [1, 2, 3, 4, 5, 6, nil] as [UInt64?])
    func sharedSequences(seed: UInt64?) {
        Self.shared.check(seed: seed)
        if seed != nil { Self.sharedInTime.check(seed: seed) }
    }

    @Test("core.async in any order", arguments: tables, [1, 2, 3] as [UInt64])
    func channels(table: LibraryCases, seed: UInt64) { table.check(seed: seed) }

    /// Those whose outcome hangs on no time.
    @Test(
        "core.async on threads",
        arguments: tables.filter { ["transducers on channels", "from channel to channel"].contains($0.name) })
    func threads(table: LibraryCases) { table.check(seed: nil) }
}
