package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
)

func main() {
	request, _ := http.NewRequest("GET", os.Getenv("BASE")+"/v1/echo", nil)
	request.Header.Set("Authorization", "Bearer "+os.Getenv("KEY"))
	reply, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	body, _ := io.ReadAll(reply.Body)
	fmt.Println(reply.StatusCode, string(body))
}
